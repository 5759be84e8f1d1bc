// What a program may do with the driver, under a gate: on each stream, in captures, with several
// contexts and GPUs.
#include "tests/shim_node/fixture.h"

namespace corun::shim {
namespace {

using testing::kNotReady;
using testing::kOk;
using testing::Workload;

class Coverage : public testing::OnANode {
 protected:
  explicit Coverage(int gpus = 1) : OnANode(gpus), app_(options()) {
    EXPECT_EQ(app_.ask("start 0"), kOk);
    page_ = daemon_.session(0);
    page_->hot.wait_every_us = 100;
  }
  void close_gate(uint32_t word = wire::kClosed) {
    page_->hot.armed = 1;
    daemon_.gate_page(0, 0)->word = word;
  }
  Workload app_;
  wire::SessionPage* page_ = nullptr;
};

class Streams : public Coverage, public ::testing::WithParamInterface<std::string> {};

TEST_P(Streams, WorkOfEachKindWaitsForTheGate) {
  for (const std::string& work : {std::string("burn 200 "), std::string("copy ")}) {
    close_gate();
    ASSERT_EQ(app_.ask(work + GetParam()), kOk);
    for (int i = 0; i < 200; ++i) ASSERT_EQ(app_.ask("query " + GetParam()), kNotReady) << work;
    close_gate(wire::kOpen);
    EXPECT_EQ(app_.ask("sync"), kOk);
    // As long as a wait: the next kind waits again.
    EXPECT_EQ(app_.ask("burn 200 " + GetParam()), kOk);
    EXPECT_EQ(app_.ask("sync"), kOk);
  }
  EXPECT_EQ(page_->counters.launches.load(), 3U);
  EXPECT_GE(page_->counters.gate_waits.load(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Streams, ::testing::Values("1", "legacy", "per-thread"),
                         [](const auto& test) {
                           return test.param == "1"        ? "Own"
                                  : test.param == "legacy" ? "Legacy"
                                                           : "PerThread";
                         });

class Captures : public Coverage, public ::testing::WithParamInterface<std::string> {};

TEST_P(Captures, HoldWhatTheProgramPutInAndNoWaits) {
  close_gate();
  EXPECT_EQ(app_.ask("capture " + GetParam()), "0 3");
  EXPECT_EQ(page_->counters.gate_waits.load(), 0U);
  EXPECT_EQ(app_.ask("burn 100 1"), kOk);
  EXPECT_EQ(app_.ask("query 1"), kNotReady) << "once it is over, work waits";
  close_gate(wire::kOpen);
  EXPECT_EQ(app_.ask("sync"), kOk);
}

INSTANTIATE_TEST_SUITE_P(Modes, Captures, ::testing::Values("0", "1", "2", "to-graph"),
                         [](const auto& test) {
                           return test.param == "to-graph" ? "ToGraph" : "Mode" + test.param;
                         });

TEST_F(Coverage, TheProgramsOwnMemoryOperationsGoThrough) {
  close_gate();
  EXPECT_EQ(app_.ask("words 2"), kOk);
  EXPECT_TRUE(app_.becomes("query 2", kOk)) << "they are no work that a gate is for";
  close_gate(wire::kOpen);
}

TEST_F(Coverage, ContextsOfOneGpuAreOneSession) {
  EXPECT_EQ(app_.ask("context 0"), kOk);
  EXPECT_EQ(app_.ask("context 0"), kOk);
  EXPECT_EQ(app_.ask("burn 100 1"), kOk);
  EXPECT_EQ(app_.ask("sync"), kOk);
  EXPECT_EQ(page_->counters.contexts.load(), 3U);
  EXPECT_EQ(page_->counters.launches.load(), 3U);
  EXPECT_EQ(daemon_.connections(), 1U);
}

class TwoGpus : public Coverage {
 protected:
  TwoGpus() : Coverage(2) {}
};

TEST_F(TwoGpus, EachHasASessionAndAGateOfItsOwn) {
  ASSERT_EQ(app_.ask("start 1"), kOk);
  wire::SessionPage* other = daemon_.session(1);
  ASSERT_NE(other, nullptr);
  close_gate();
  EXPECT_EQ(app_.ask("burn 100 1"), kOk);
  EXPECT_TRUE(app_.becomes("query 1", kOk)) << "the gate is the first GPU's";
  EXPECT_EQ(other->counters.launches.load(), 1U);
  EXPECT_EQ(page_->counters.launches.load(), 0U);
  ASSERT_EQ(app_.ask("start 0"), kOk);
  EXPECT_EQ(app_.ask("burn 100 1"), kOk);
  EXPECT_EQ(app_.ask("query 1"), kNotReady);
  close_gate(wire::kOpen);
  EXPECT_EQ(app_.ask("sync"), kOk);
  EXPECT_EQ(page_->counters.launches.load(), 1U);
}

TEST_F(TwoGpus, AGraphWaitsForTheGateOfItsOwnGpu) {
  ASSERT_EQ(app_.ask("start 1"), kOk);
  wire::SessionPage* other = daemon_.session(1);
  ASSERT_NE(other, nullptr);
  other->hot.wait_every_us = 100;
  ASSERT_EQ(app_.ask("learn 12 1000"), kOk);
  other->hot.armed = 1;
  ASSERT_EQ(app_.ask("graph 20 1000"), kOk);
  close_gate();  // of the first GPU
  ASSERT_EQ(app_.ask("launch 1"), kOk);
  EXPECT_EQ(app_.ask("sync"), kOk);
  EXPECT_GE(other->counters.gate_waits.load(), 20U);
  EXPECT_EQ(page_->counters.gate_waits.load(), 0U);
  close_gate(wire::kOpen);
}

}  // namespace
}  // namespace corun::shim
