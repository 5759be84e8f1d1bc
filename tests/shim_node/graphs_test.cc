// Graphs of a best-effort program on the simulated GPU: the gate stops them between their kernels,
// and whatever the application does to them, the results are those without corun.
#include <chrono>

#include "core/clock.h"
#include "tests/shim_node/fixture.h"

namespace corun::shim {
namespace {

using testing::kNotReady;
using testing::kOk;
using testing::stepped;
using testing::Workload;

class Graphs : public testing::OnANode {
 protected:
  Graphs() : app_(options()) {
    EXPECT_EQ(app_.ask("start"), kOk);
    page_ = daemon_.session(0);
    page_->hot.wait_every_us = 100;
    EXPECT_EQ(app_.ask("learn 12 1000"), kOk);
  }
  void arm(uint32_t mask = 1) { page_->hot.armed = mask; }
  void close_gate(uint32_t word = wire::kClosed) { daemon_.gate_page(0, 0)->word = word; }
  void open_gate() { close_gate(wire::kOpen); }

  /// Launches the graph of `kernels` ms and closes the gate behind it. True if the gate stopped
  /// it: then it is still not done after three times its time.
  bool stops(int kernels, const std::string& stream = "0") {
    open_gate();
    EXPECT_EQ(app_.ask("launch " + stream), kOk);
    close_gate();
    const Instant until = monotonic_now() + std::chrono::milliseconds(3 * kernels);
    while (monotonic_now() < until) {
      if (app_.ask("query " + stream) != kNotReady) return false;
    }
    const bool stopped = app_.ask("query " + stream) == kNotReady;
    open_gate();
    return stopped;
  }

  static std::vector<uint32_t> upto(uint32_t count, int times = 1) {
    std::vector<uint32_t> all;
    for (int i = 0; i < times; ++i) {
      for (uint32_t addend = 1; addend <= count; ++addend) all.push_back(addend);
    }
    return all;
  }

  Workload app_;
  wire::SessionPage* page_ = nullptr;
};

class Instantiated : public Graphs, public ::testing::WithParamInterface<std::string> {};

TEST_P(Instantiated, AClosedGateStopsAGraphBetweenItsKernels) {
  arm();
  ASSERT_EQ(app_.ask("graph 50 1000 " + GetParam()), kOk);
  ASSERT_EQ(app_.ask("drop-graph"), kOk);
  EXPECT_TRUE(stops(50));
  EXPECT_EQ(app_.ask("state"), stepped(upto(50)));
  EXPECT_GE(page_->counters.gate_waits.load(), 50U);
}

INSTANTIATE_TEST_SUITE_P(Ways, Instantiated, ::testing::Values("v1", "v2", "flags", "params"),
                         [](const auto& test) { return test.param; });

TEST_F(Graphs, UnarmedNothingIsAddedAndTheResultsAreTheSame) {
  ASSERT_EQ(app_.ask("graph 20 100"), kOk);
  for (int i = 0; i < 5; ++i) ASSERT_EQ(app_.ask("launch 0"), kOk);
  EXPECT_EQ(app_.ask("state"), stepped(upto(20, 5)));
  EXPECT_EQ(page_->counters.gate_waits.load(), 0U);
  EXPECT_EQ(page_->counters.graph_launches.load(), 5U);
}

TEST_F(Graphs, AGraphThatRanBeforeIsStoppedFromItsSecondArmedLaunchOn) {
  ASSERT_EQ(app_.ask("graph 50 1000"), kOk);
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  arm();
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  EXPECT_TRUE(stops(50));
  EXPECT_EQ(app_.ask("state"), stepped(upto(50, 3)));
}

TEST_F(Graphs, LaunchesOnOtherStreamsStayInOrderWhateverIsArmed) {
  ASSERT_EQ(app_.ask("graph 8 1000"), kOk);
  // Each launch is ordered behind the one before by the executable alone, on another stream.
  for (int i = 0; i < 12; ++i) {
    arm(i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 3);
    ASSERT_EQ(app_.ask("launch " + std::to_string(i % 4)), kOk);
  }
  EXPECT_EQ(app_.ask("state"), stepped(upto(8, 12)));
}

TEST_F(Graphs, ChangedKernelsAreChangedInBoth) {
  ASSERT_EQ(app_.ask("graph 30 1000"), kOk);
  ASSERT_EQ(app_.ask("set-node 3 777"), kOk);  // before there is a second executable
  arm();
  EXPECT_TRUE(stops(30));
  std::vector<uint32_t> expected = upto(30);
  expected[3] = 777;
  EXPECT_EQ(app_.ask("state"), stepped(expected));
  ASSERT_EQ(app_.ask("set-node 17 888 v1"), kOk);  // and after
  EXPECT_TRUE(stops(30));
  std::vector<uint32_t> again = expected;
  again[17] = 888;
  expected.insert(expected.end(), again.begin(), again.end());
  EXPECT_EQ(app_.ask("state"), stepped(expected));
  arm(0);
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  expected.insert(expected.end(), again.begin(), again.end());
  EXPECT_EQ(app_.ask("state"), stepped(expected));
}

TEST_F(Graphs, AnotherGateBuildsItAnewWithItsChanges) {
  ASSERT_EQ(app_.ask("graph 30 1000"), kOk);
  arm(2);
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  ASSERT_EQ(app_.ask("set-node 3 777"), kOk);
  arm(1);
  EXPECT_TRUE(stops(30));
  std::vector<uint32_t> expected = upto(30, 2);
  expected[33] = 777;
  EXPECT_EQ(app_.ask("state"), stepped(expected));
}

TEST_F(Graphs, AnUpdatedGraphRunsTheNewOne) {
  arm();
  ASSERT_EQ(app_.ask("graph 20 1000"), kOk);
  std::vector<uint32_t> expected;
  for (int i = 0; i < 9; ++i) ASSERT_EQ(app_.ask("launch 0"), kOk);
  expected = upto(20, 9);
  ASSERT_EQ(app_.ask("update 20 101"), kOk);
  EXPECT_TRUE(stops(20)) << "launched often enough for a new clone";
  for (uint32_t i = 0; i < 20; ++i) expected.push_back(101 + i);
  ASSERT_EQ(app_.ask("update 20 201"), kOk);
  ASSERT_EQ(app_.ask("launch 1"), kOk);  // whole, behind what waited between segments
  for (uint32_t i = 0; i < 20; ++i) expected.push_back(201 + i);
  EXPECT_EQ(app_.ask("state"), stepped(expected));
  EXPECT_EQ(app_.ask("update 21 1"), "910") << "another topology is refused as without corun";
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  for (uint32_t i = 0; i < 20; ++i) expected.push_back(201 + i);
  EXPECT_EQ(app_.ask("state"), stepped(expected));
}

TEST_F(Graphs, ASwitchedOffKernelStaysOff) {
  arm();
  ASSERT_EQ(app_.ask("graph 10 1000"), kOk);
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  ASSERT_EQ(app_.ask("enable 4 0"), kOk);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(app_.ask("launch 0"), kOk);
  std::vector<uint32_t> expected = upto(10, 11);
  for (int i = 10; i > 0; --i) expected.erase(expected.begin() + 10 * i + 4);
  EXPECT_EQ(app_.ask("state"), stepped(expected));
}

TEST_F(Graphs, AGraphMayBeDestroyedWhileItWaits) {
  arm();
  ASSERT_EQ(app_.ask("graph 20 1000"), kOk);
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  close_gate();
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  EXPECT_EQ(app_.ask("destroy"), kOk);
  EXPECT_EQ(app_.ask("query 0"), kNotReady);
  open_gate();
  EXPECT_EQ(app_.ask("state"), stepped(upto(20, 2)));
}

TEST_F(Graphs, WithTheDaemonGoneAClosedGateStopsNothing) {
  arm();
  ASSERT_EQ(app_.ask("graph 5 1000"), kOk);
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  daemon_.set_manner(testing::Manner::kClose);
  daemon_.hang_up();
  int launches = 1;
  EXPECT_TRUE(testing::eventually([&] {
    const uint64_t before = page_->counters.graph_launches.load();
    ++launches;
    return app_.ask("launch 0") == kOk && page_->counters.graph_launches.load() == before;
  }));
  ASSERT_EQ(app_.ask("sync"), kOk);  // what was launched before waits for the gate still
  close_gate();
  ASSERT_EQ(app_.ask("launch 0"), kOk);
  EXPECT_EQ(app_.ask("state"), stepped(upto(5, launches + 1)));
}

}  // namespace
}  // namespace corun::shim
