// The best-effort side: which work waits for which gates, and how often.
#include <gtest/gtest.h>

#include "tests/shim/fake_gpu.h"

namespace corun::shim {
namespace {

using testing::FakeGpu;
using testing::SessionPages;
using testing::stream;

class GateWaitTest : public ::testing::Test {
 protected:
  GateWaitTest() {
    session = &shared;
    machine.start(gpu.driver, gpu.outside([](DeviceState& made) {
      made.joined = &session->pages;
      made.pages = &session->pages;
    }),
                  false);
    shared.page.hot.wait_every_us = 100;
    device = machine.on_context(0, gpu.context);
  }
  ~GateWaitTest() override { machine.free_devices(); }
  void work(StreamHandle on, uint64_t estimate_us, Operation::Kind kind = Operation::kCopy,
            bool gated = true) {
    Operation operation;
    operation.kind = kind;
    operation.stream = on;
    operation.estimate_ns = estimate_us * 1000;
    operation.gated = gated;
    machine.before(operation);
    machine.after(operation, Code::kSuccess);
  }
  void kernel(StreamHandle on, uint64_t key) {
    Operation operation;
    operation.stream = on;
    operation.key = key;
    machine.before(operation);
    machine.after(operation, Code::kSuccess);
  }
  DevicePtr word(int gate) const { return reinterpret_cast<DevicePtr>(&shared.gate[gate].word); }

  static SessionPages* session;
  FakeGpu gpu;
  SessionPages shared;
  Machine machine;
  DeviceState* device = nullptr;
};

SessionPages* GateWaitTest::session = nullptr;

TEST_F(GateWaitTest, UnarmedWorkWaitsForNothingAndRegistersNothing) {
  work(stream(1), 1000);
  EXPECT_TRUE(gpu.waits.empty());
  EXPECT_TRUE(gpu.registrations.empty());
  EXPECT_EQ(shared.page.counters.gate_registered.load(), 0U);
}

TEST_F(GateWaitTest, ArmingRegistersAllPagesOnce) {
  shared.page.hot.armed = 1U << 2;
  work(stream(1), 1000);
  work(stream(1), 1000);
  EXPECT_EQ(gpu.registrations.size(), 9U);
  EXPECT_EQ(shared.page.counters.gate_registered.load(), 0xFFU | wire::kArmedTurn);
}

TEST_F(GateWaitTest, ReadOnlyPagesAreRegisteredReadOnly) {
  shared.pages.gate_writable[0] = false;
  shared.page.hot.armed = 1;
  work(stream(1), 1000);
  EXPECT_EQ(gpu.registrations[0], 3U | cuda::kHostRegisterReadOnly);
  EXPECT_EQ(gpu.registrations[1], 3U);
}

TEST_F(GateWaitTest, TheFirstWorkWaitsAndThenOncePerQuantum) {
  shared.page.hot.armed = 1;
  for (int i = 0; i < 20; ++i) {
    work(stream(1), 20);  // before the 1st, 6th, 11th, … of 20 us
  }
  EXPECT_EQ(gpu.waits.size(), 5U);
  EXPECT_EQ(gpu.waits[0].address, word(0));
  EXPECT_EQ(shared.page.counters.gate_waits.load(), 5U);
}

TEST_F(GateWaitTest, LongWorkAlwaysWaits) {
  shared.page.hot.armed = 1;
  for (int i = 0; i < 5; ++i) {
    work(stream(1), 150);
  }
  EXPECT_EQ(gpu.waits.size(), 5U);
}

TEST_F(GateWaitTest, AQuantumOfZeroMeansBeforeAll) {
  shared.page.hot.armed = 1;
  shared.page.hot.wait_every_us = 0;
  for (int i = 0; i < 5; ++i) {
    work(stream(1), 1);
  }
  EXPECT_EQ(gpu.waits.size(), 5U);
}

TEST_F(GateWaitTest, StreamsAreCountedApart) {
  shared.page.hot.armed = 1;
  work(stream(1), 10);
  work(stream(2), 10);
  work(stream(1), 10);
  EXPECT_EQ(gpu.waits.size(), 2U);
}

TEST_F(GateWaitTest, GraphsAlwaysWait) {
  shared.page.hot.armed = 1;
  work(stream(1), 1);
  work(stream(1), 1, Operation::kGraph);
  EXPECT_EQ(gpu.waits.size(), 2U);
}

TEST_F(GateWaitTest, AnUnknownKernelWaits) {
  shared.page.hot.armed = 1;
  for (uint64_t key = 100; key < 105; ++key) {
    kernel(stream(1), key);
  }
  EXPECT_EQ(gpu.waits.size(), 5U);
}

TEST_F(GateWaitTest, AMeasuredShortKernelWaitsRarely) {
  gpu.events_done = true;
  gpu.elapsed_ms = 0.010F;
  for (int i = 0; i < 12; ++i) {
    kernel(stream(1), 100);  // learns 10 us
  }
  shared.page.hot.armed = 1;
  for (int i = 0; i < 100; ++i) {
    kernel(stream(1), 100);
  }
  EXPECT_GE(gpu.waits.size(), 9U);
  EXPECT_LE(gpu.waits.size(), 12U);
}

TEST_F(GateWaitTest, ANewGateIsWaitedForAtOnce) {
  shared.page.hot.armed = 1;
  work(stream(1), 1);
  shared.page.hot.armed = 1U << 5;
  work(stream(1), 1);
  ASSERT_EQ(gpu.waits.size(), 2U);
  EXPECT_EQ(gpu.waits[1].address, word(5));
}

TEST_F(GateWaitTest, SeveralGatesAndTheTurnAreOneBatch) {
  shared.page.hot.armed = 1U | 1U << 7 | wire::kArmedTurn;
  work(stream(1), 1);
  EXPECT_EQ(gpu.batches, 1);
  ASSERT_EQ(gpu.waits.size(), 3U);
  EXPECT_EQ(gpu.waits[2].address, reinterpret_cast<DevicePtr>(&shared.page.turn.word));
}

TEST_F(GateWaitTest, BitsThatMeanNothingAreNotWaitedFor) {
  shared.page.hot.armed = 0x7FFFFF00U;
  work(stream(1), 1000);
  EXPECT_TRUE(gpu.waits.empty());
}

TEST_F(GateWaitTest, NobodyWaitsForItsOwnGate) {
  shared.page.hot.gate = 4;
  shared.page.hot.armed = 1U << 4;
  work(stream(1), 1000);
  EXPECT_TRUE(gpu.waits.empty());
  shared.page.hot.armed = 1U << 4 | 1;
  work(stream(1), 1000);
  ASSERT_EQ(gpu.waits.size(), 1U);
  EXPECT_EQ(gpu.waits[0].address, word(0));
}

TEST_F(GateWaitTest, CallsThatBlockTheCallerDoNotWait) {
  shared.page.hot.armed = 1;
  work(stream(1), 1000, Operation::kCopy, false);
  EXPECT_TRUE(gpu.waits.empty());
}

TEST_F(GateWaitTest, AStreamUnderCaptureDoesNotWait) {
  shared.page.hot.armed = 1;
  machine.on_capture_begin();
  gpu.capturing.insert(stream(1));
  work(stream(1), 1000);
  EXPECT_TRUE(gpu.waits.empty());
  EXPECT_TRUE(gpu.registrations.empty());
  work(stream(2), 1000);  // another stream, by another thread
  EXPECT_EQ(gpu.waits.size(), 1U);
}

TEST_F(GateWaitTest, AFailedWaitIsForwardedAndTriedAgain) {
  shared.page.hot.armed = 1;
  gpu.wait_code = Code::kInvalidValue;
  work(stream(1), 1000);
  EXPECT_EQ(shared.page.counters.gate_waits.load(), 0U);
  gpu.wait_code = Code::kSuccess;
  work(stream(1), 1);
  EXPECT_EQ(gpu.waits.size(), 1U);
}

TEST_F(GateWaitTest, ADriverWithoutWaitsSaysSo) {
  shared.page.hot.armed = 1;
  gpu.wait_code = Code::kNotSupported;
  work(stream(1), 1000);
  EXPECT_NE(shared.page.counters.flags.load() & wire::kFlagNoWaitValue, 0U);
}

TEST_F(GateWaitTest, PagesThatCannotBeRegisteredSaySo) {
  shared.page.hot.armed = 1;
  gpu.register_code = Code::kNotSupported;
  work(stream(1), 1000);
  work(stream(1), 1000);
  EXPECT_TRUE(gpu.waits.empty());
  EXPECT_EQ(gpu.registrations.size(), 9U);
  EXPECT_NE(shared.page.counters.flags.load() & wire::kFlagNoWaitValue, 0U);
}

TEST_F(GateWaitTest, ADestroyedContextTakesTheRegistrationAlong) {
  shared.page.hot.armed = 1;
  work(stream(1), 1000);
  machine.on_context_gone(gpu.context);
  EXPECT_EQ(shared.page.counters.gate_registered.load(), 0U);
  work(stream(1), 1000);
  EXPECT_EQ(gpu.registrations.size(), 18U);
}

TEST_F(GateWaitTest, WhenTheProcessEndsNothingWaitsAnyMoreAndItsTurnIsOpen) {
  shared.page.hot.armed = 1U | wire::kArmedTurn;
  shared.page.turn.word = wire::kClosed;
  work(stream(1), 1000);
  ASSERT_EQ(gpu.waits.size(), 2U);
  machine.retire();
  EXPECT_EQ(shared.page.turn.word.load(), wire::kOpen);
  work(stream(1), 1000);
  machine.show(*device, &shared.pages);  // orders that come while it ends
  work(stream(1), 1000);
  EXPECT_EQ(gpu.waits.size(), 2U);
}

TEST_F(GateWaitTest, VoidOrdersDisarm) {
  shared.page.hot.armed = 1;
  machine.show(*device, nullptr);
  work(stream(1), 1000);
  EXPECT_TRUE(gpu.waits.empty());
}

}  // namespace
}  // namespace corun::shim
