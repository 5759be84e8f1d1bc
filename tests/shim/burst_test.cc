// The latency-critical side: when the gate closes and opens.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/shim/fake_gpu.h"

namespace corun::shim {
namespace {

using testing::FakeGpu;
using testing::SessionPages;
using testing::stream;

constexpr uint64_t kUs = 1000;

class BurstTest : public ::testing::Test {
 protected:
  BurstTest() {
    session = &shared;
    machine.start(gpu.driver, gpu.outside([](DeviceState& made) {
      made.joined = &session->pages;
      made.pages = &session->pages;
    }),
                  true);
    shared.page.hot.gate = 3;
    device = machine.on_context(0, gpu.context);
  }
  ~BurstTest() override { machine.free_devices(); }

  /// A launch whose work stays on the GPU until the test says otherwise.
  void launch(StreamHandle on, Operation::Kind kind = Operation::kKernel) {
    Operation operation;
    operation.kind = kind;
    operation.stream = on;
    operation.key = 77;
    machine.before(operation);
    word_at_driver = word();
    machine.after(operation, Code::kSuccess);
    gpu.busy.insert(on);
  }
  void synchronise(StreamHandle on) {
    Synchronisation sync;
    machine.before_stream_sync(sync, on);
    gpu.busy.erase(on);
    machine.after_sync(sync, Code::kSuccess);
  }
  uint32_t word() const { return shared.gate[3].word.load(); }
  uint32_t bursts() const { return static_cast<uint32_t>(shared.page.counters.bursts.load()); }

  static SessionPages* session;
  FakeGpu gpu;
  SessionPages shared;
  Machine machine;
  DeviceState* device = nullptr;
  uint32_t word_at_driver = 99;
};

SessionPages* BurstTest::session = nullptr;

TEST_F(BurstTest, TheGateIsClosedBeforeTheFirstLaunchReachesTheDriver) {
  launch(stream(1));
  EXPECT_EQ(word_at_driver, wire::kClosed);
  EXPECT_EQ(shared.gate[3].closed_since_ns.load(), gpu.now);
  EXPECT_EQ(shared.gate[3].burst.load(), 1U);
  EXPECT_EQ(shared.page.counters.gate_closures.load(), 1U);
}

TEST_F(BurstTest, OtherGatesAreLeftAlone) {
  launch(stream(1));
  for (int i = 0; i < wire::kMaxGates; ++i) {
    EXPECT_EQ(shared.gate[i].word.load(), i == 3 ? wire::kClosed : wire::kOpen);
  }
}

TEST_F(BurstTest, ASynchronisationOpensTheGateAndNotesTheDuration) {
  launch(stream(1));
  gpu.now += 600 * kUs;
  synchronise(stream(1));
  EXPECT_EQ(word(), wire::kOpen);
  EXPECT_EQ(shared.page.counters.burst_index.load(), 1U);
  EXPECT_EQ(shared.page.burst_us[0].load(), 600U);
}

TEST_F(BurstTest, ManyLaunchesAreOneBurst) {
  for (int i = 0; i < 100; ++i) {
    launch(stream(1));
  }
  synchronise(stream(1));
  EXPECT_EQ(bursts(), 1U);
  EXPECT_EQ(shared.page.counters.launches.load(), 100U);
}

TEST_F(BurstTest, AllStreamsOfABurstHaveToDrain) {
  launch(stream(1));
  launch(stream(2));
  synchronise(stream(1));
  EXPECT_EQ(word(), wire::kClosed);
  synchronise(stream(2));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, AStreamThatWasSynchronisedThroughAnotherIsAsked) {
  launch(stream(1));
  launch(stream(2));
  gpu.busy.erase(stream(2));  // stream 1 waited for it by an event
  synchronise(stream(1));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, AContextSynchronisationCoversAllStreams) {
  launch(stream(1));
  launch(stream(2));
  Synchronisation sync;
  machine.before_context_sync(sync);
  machine.after_sync(sync, Code::kSuccess);
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, AFailedSynchronisationCoversNothing) {
  launch(stream(1));
  Synchronisation sync;
  machine.before_stream_sync(sync, stream(1));
  machine.after_sync(sync, Code::kNotReady);
  EXPECT_EQ(word(), wire::kClosed);
}

TEST_F(BurstTest, AnEventCoversWhatWasLaunchedBeforeIt) {
  const auto event = reinterpret_cast<EventHandle>(0x55);
  launch(stream(1));
  machine.on_event_record(event, stream(1));
  Synchronisation sync;
  machine.before_event_sync(sync, event);
  machine.after_sync(sync, Code::kSuccess);
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, AnEventDoesNotCoverWhatWasLaunchedAfterIt) {
  const auto event = reinterpret_cast<EventHandle>(0x55);
  launch(stream(1));
  machine.on_event_record(event, stream(1));
  launch(stream(1));
  Synchronisation sync;
  machine.before_event_sync(sync, event);
  machine.after_sync(sync, Code::kSuccess);
  EXPECT_EQ(word(), wire::kClosed);
}

TEST_F(BurstTest, TheGateStaysClosedWhileItLingersAndOpensWhenDue) {
  shared.page.hot.linger_us = 200;
  launch(stream(1));
  synchronise(stream(1));
  EXPECT_EQ(word(), wire::kClosed);
  const uint64_t due = device->burst.due_ns();
  EXPECT_EQ(due, gpu.now + 200 * kUs);
  ASSERT_FALSE(gpu.kicks.empty());
  EXPECT_EQ(gpu.kicks.back(), due);
  EXPECT_FALSE(device->burst.tick(device->streams, due - 1));
  EXPECT_TRUE(device->burst.tick(device->streams, due));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, ALaunchWithinTheLingerKeepsTheGateClosedAsANewBurst) {
  shared.page.hot.linger_us = 200;
  launch(stream(1));
  synchronise(stream(1));
  const uint64_t due = device->burst.due_ns();
  gpu.now += 100 * kUs;
  launch(stream(1));
  EXPECT_EQ(bursts(), 2U);
  EXPECT_FALSE(device->burst.tick(device->streams, due));
  EXPECT_EQ(word(), wire::kClosed);
  EXPECT_EQ(shared.page.counters.gate_closures.load(), 1U);  // it never opened
}

TEST_F(BurstTest, AClosedGateThatTheDaemonOpenedIsClosedByTheNextBurst) {
  shared.page.hot.linger_us = 200;
  launch(stream(1));
  synchronise(stream(1));
  shared.gate[3].word = wire::kOpen;
  launch(stream(1));
  EXPECT_EQ(word_at_driver, wire::kClosed);
}

TEST_F(BurstTest, OnlyTheOrderedShareOfBurstsCloses) {
  shared.page.hot.close_permille = 250;
  for (int i = 0; i < 400; ++i) {
    launch(stream(1));
    synchronise(stream(1));
  }
  EXPECT_EQ(bursts(), 400U);
  EXPECT_EQ(shared.page.counters.gate_closures.load(), 100U);
}

TEST_F(BurstTest, AGateNumberOutOfRangeClosesNothing) {
  for (const int32_t gate : {-1, 8, 1 << 30, INT32_MIN}) {
    shared.page.hot.gate = gate;
    launch(stream(1));
    synchronise(stream(1));
  }
  EXPECT_EQ(shared.page.counters.gate_closures.load(), 0U);
}

TEST_F(BurstTest, AReadOnlyGateIsNotWritten) {
  shared.pages.gate_writable[3] = false;
  launch(stream(1));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, QuietWorkThatNobodyWaitsForEndsByTheWatch) {
  launch(stream(1));
  uint64_t look = machine.watch(*device, gpu.now);
  EXPECT_EQ(look, gpu.now + kQuietNs);
  EXPECT_GT(machine.watch(*device, look), look);  // still running
  EXPECT_EQ(word(), wire::kClosed);
  gpu.busy.clear();
  EXPECT_EQ(machine.watch(*device, look + kQuietNs), 0U);
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, TheWatchAsksNothingWhileLaunchesCome) {
  launch(stream(1));
  gpu.busy.clear();
  machine.watch(*device, gpu.now);
  launch(stream(1));
  gpu.busy.clear();
  machine.watch(*device, gpu.now + kQuietNs);
  EXPECT_EQ(word(), wire::kClosed);
}

TEST_F(BurstTest, TheLongerLaunchesComeTheLaterIsLooked) {
  launch(stream(1));
  EXPECT_EQ(machine.watch(*device, gpu.now), gpu.now + kQuietNs);
  struct Row {
    uint64_t lasted_us, later_us;
  };
  for (const Row& row : {Row{800, 200}, Row{4000, 500}, Row{80'000, 1000}}) {
    launch(stream(1));
    const uint64_t now = gpu.now + row.lasted_us * 1000;
    EXPECT_EQ(machine.watch(*device, now), now + row.later_us * 1000);
  }
}

TEST_F(BurstTest, TheThreadIsNotWokenOnceBurstsEndBySynchronisation) {
  for (int i = 0; i < 20; ++i) {
    launch(stream(1));
    synchronise(stream(1));
  }
  gpu.kicks.clear();
  launch(stream(1));
  EXPECT_TRUE(gpu.kicks.empty());
}

TEST_F(BurstTest, AStreamUnderCaptureBeginsNoBurst) {
  machine.on_capture_begin();
  gpu.capturing.insert(stream(1));
  launch(stream(1));
  EXPECT_EQ(word(), wire::kOpen);
  gpu.capturing.clear();
  machine.on_capture_end();
  launch(stream(1), Operation::kGraph);
  EXPECT_EQ(word_at_driver, wire::kClosed);
}

TEST_F(BurstTest, ACaptureBeginsWhenNoStreamIsAskedAnyMore) {
  launch(stream(1));
  std::atomic<bool> asking{false};
  std::atomic<bool> asked{false};
  gpu.during_query = [&] {
    asking = true;
    while (!machine.any_capture()) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();  // for a capture that does not wait
    asked = true;
  };
  std::thread other([this] { machine.on_burst_hint(false); });
  while (!asking) std::this_thread::yield();
  machine.on_capture_begin();
  EXPECT_TRUE(asked) << "asking a stream that is being captured would invalidate the capture";
  other.join();
  machine.on_capture_end();
}

TEST_F(BurstTest, HintsDecideWhereABurstEnds) {
  machine.on_burst_hint(true);
  EXPECT_EQ(word(), wire::kOpen);  // it closes at the first launch
  launch(stream(1));
  synchronise(stream(1));
  EXPECT_EQ(word(), wire::kClosed);
  launch(stream(1));
  synchronise(stream(1));
  machine.on_burst_hint(false);
  EXPECT_EQ(word(), wire::kOpen);
  EXPECT_EQ(bursts(), 1U);
}

TEST_F(BurstTest, WithHintsOtherLaunchesCloseNothing) {
  machine.on_burst_hint(true);
  machine.on_burst_hint(false);
  launch(stream(1));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, AnEndWithoutABeginIsHarmless) {
  machine.on_burst_hint(false);
  machine.on_burst_hint(true);
  launch(stream(1));
  EXPECT_EQ(word(), wire::kClosed);
}

TEST_F(BurstTest, TheTimeThatTheGateIsClosedIsAddedUp) {
  launch(stream(1));
  gpu.now += 600 * kUs;
  synchronise(stream(1));
  gpu.now += 5000 * kUs;  // open
  launch(stream(1));
  gpu.now += 300 * kUs;
  launch(stream(2));
  gpu.now += 100 * kUs;
  synchronise(stream(1));
  EXPECT_EQ(shared.page.counters.gate_closed_ns.load(), 600 * kUs) << "it is closed still";
  synchronise(stream(2));
  EXPECT_EQ(shared.page.counters.gate_closed_ns.load(), 1000 * kUs);
}

TEST_F(BurstTest, TimeThatTheDaemonEndedIsTheDaemonsToCount) {
  launch(stream(1));
  gpu.now += 600 * kUs;
  shared.gate[3].word = wire::kOpen;
  gpu.now += 600 * kUs;
  synchronise(stream(1));
  EXPECT_EQ(shared.page.counters.gate_closed_ns.load(), 0U);
}

TEST_F(BurstTest, AGateThatIsClosedAgainCountsFromThereOn) {
  shared.page.hot.linger_us = 2000;
  launch(stream(1));
  gpu.now += 600 * kUs;
  synchronise(stream(1));
  shared.gate[3].word = wire::kOpen;  // by the daemon
  gpu.now += 100 * kUs;
  launch(stream(1));
  EXPECT_EQ(word(), wire::kClosed);
  gpu.now += 400 * kUs;
  shared.page.hot.linger_us = 0;
  synchronise(stream(1));
  EXPECT_EQ(shared.page.counters.gate_closed_ns.load(), 400 * kUs);
}

TEST_F(BurstTest, VoidOrdersOpenTheGateAtOnce) {
  launch(stream(1));
  machine.show(*device, nullptr);
  device->burst.abandon(gpu.now);
  EXPECT_EQ(word(), wire::kOpen);
  launch(stream(1));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, ADestroyedStreamDoesNotHoldTheBurst) {
  launch(stream(1));
  launch(stream(2));
  machine.on_stream_gone(stream(2));
  synchronise(stream(1));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, ADestroyedContextEndsItsBursts) {
  launch(nullptr);
  machine.on_context_gone(gpu.context);
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, BothNamesOfTheLegacyStreamAreOneStream) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  launch(reinterpret_cast<StreamHandle>(cuda::kLegacyStreamValue));
  synchronise(nullptr);
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, ThePerThreadStreamIsNotTheLegacyOne) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  launch(reinterpret_cast<StreamHandle>(cuda::kPerThreadStreamValue));
  synchronise(nullptr);
  EXPECT_EQ(word(), wire::kClosed);
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  synchronise(reinterpret_cast<StreamHandle>(cuda::kPerThreadStreamValue));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST_F(BurstTest, WorkOutsideOfHintsDoesNotKeepALingeringGateClosed) {
  shared.page.hot.linger_us = 50;
  machine.on_burst_hint(true);
  launch(stream(1));
  gpu.busy.erase(stream(1));
  machine.on_burst_hint(false);
  ASSERT_EQ(device->burst.phase(), Burst::kLingering);
  launch(stream(2));  // unasked: it begins no burst, and nobody waits for it
  gpu.now += 60 * kUs;
  device->burst.tick(device->streams, gpu.now);
  EXPECT_EQ(word(), wire::kClosed) << "it could be a launch that is about to begin one";
  gpu.now += 20 * kUs;
  device->burst.tick(device->streams, gpu.now);
  EXPECT_EQ(word(), wire::kOpen);
  EXPECT_EQ(device->burst.phase(), Burst::kIdle);
}

TEST_F(BurstTest, WhenTheProcessEndsTheGateOpensAndStaysOpen) {
  launch(stream(1));
  ASSERT_EQ(word(), wire::kClosed);
  machine.retire();
  EXPECT_EQ(word(), wire::kOpen);
  launch(stream(1));
  EXPECT_EQ(word_at_driver, wire::kOpen);
  synchronise(stream(1));
  machine.on_stream_gone(stream(1));
  EXPECT_EQ(word(), wire::kOpen);
}

TEST(LockTest, IsNotWaitedForForEverAtTheEnd) {
  Lock lock;
  lock.acquire();
  EXPECT_FALSE(lock.acquire_within(1'000'000));
  lock.release();
  EXPECT_TRUE(lock.acquire_within(1'000'000));
  lock.release();
}

}  // namespace
}  // namespace corun::shim
