// A session that waits for turns tells whether it has work, and nothing else of a burst.
#include <gtest/gtest.h>

#include <bit>

#include "tests/shim/fake_gpu.h"

namespace corun::shim {
namespace {

using testing::FakeGpu;
using testing::SessionPages;
using testing::stream;

constexpr uint64_t kOneUs = 1000;

class QueueTest : public ::testing::Test {
 protected:
  QueueTest() {
    session = &shared;
    machine.start(gpu.driver, gpu.outside([](DeviceState& made) {
      made.joined = &session->pages;
      made.pages = &session->pages;
    }),
                  false);
    shared.page.hot.wait_every_us = 100;
    shared.page.hot.armed = wire::kArmedTurn;
    shared.page.orders.slice_us = 1000;  // slices act: a latency-critical one would prepare to hold
    device = machine.on_context(0, gpu.context);
  }
  ~QueueTest() override { machine.free_devices(); }

  void launch(StreamHandle on, Operation::Kind kind = Operation::kKernel) {
    Operation operation;
    operation.kind = kind;
    operation.stream = on;
    operation.estimate_ns = 50 * kOneUs;
    machine.before(operation);
    machine.after(operation, Code::kSuccess);
    gpu.busy.insert(on);
  }
  void synchronise(StreamHandle on) {
    Synchronisation sync;
    machine.before_stream_sync(sync, on);
    gpu.busy.erase(on);
    machine.after_sync(sync, Code::kSuccess);
  }
  /// All work ends, and the thread is the one to find out.
  void become_idle_unseen() {
    gpu.busy.clear();
    machine.watch(*device, gpu.now);
    gpu.now += kLongestWorkLookNs;
    EXPECT_EQ(machine.watch(*device, gpu.now), 0U);
  }
  bool tells() const { return (flags() & wire::kFlagFollowed) != 0; }
  bool computes() const { return (flags() & wire::kFlagComputing) != 0; }
  bool has_work() const { return (flags() & wire::kFlagBursting) != 0; }
  uint32_t flags() const { return shared.page.counters.flags.load(); }

  static SessionPages* session;
  FakeGpu gpu;
  SessionPages shared;
  Machine machine;
  DeviceState* device = nullptr;
};

SessionPages* QueueTest::session = nullptr;

TEST_F(QueueTest, WithoutTurnsNothingIsFollowed) {
  shared.page.hot.armed = 1;
  launch(stream(1));
  EXPECT_FALSE(tells());
  EXPECT_FALSE(has_work());
}

TEST_F(QueueTest, WorkIsToldUntilItIsSynchronised) {
  launch(stream(1));
  EXPECT_TRUE(tells());
  EXPECT_TRUE(has_work());
  launch(stream(2), Operation::kCopy);
  synchronise(stream(1));
  EXPECT_TRUE(has_work());
  synchronise(stream(2));
  EXPECT_TRUE(tells());
  EXPECT_FALSE(has_work());
}

TEST_F(QueueTest, WorkThatNobodySynchronisesIsAskedFor) {
  launch(stream(1));
  ASSERT_FALSE(gpu.kicks.empty());
  EXPECT_EQ(machine.watch(*device, gpu.now), gpu.now + kWorkQuietNs);
  gpu.now += kWorkQuietNs;
  machine.watch(*device, gpu.now);
  EXPECT_TRUE(has_work());  // it is held back, or runs
  gpu.busy.clear();
  gpu.now += kWorkQuietNs;
  machine.watch(*device, gpu.now);
  EXPECT_FALSE(has_work());
}

TEST_F(QueueTest, WorkThatNeverEndsIsLookedAtSeldom) {
  launch(stream(1));
  int looks = 0;
  const uint64_t end = gpu.now + 1'000'000 * kOneUs;
  for (uint64_t look = gpu.now; look < end; ++looks) {
    gpu.now = look;
    look = machine.watch(*device, gpu.now);
    launch(stream(1));
  }
  EXPECT_LT(looks, 520);
  EXPECT_TRUE(has_work());
}

TEST_F(QueueTest, APauseInsideOfARequestWakesTheThreadOnce) {
  for (int i = 0; i < 20; ++i) {
    launch(stream(1));
    synchronise(stream(1));
  }
  gpu.kicks.clear();
  launch(stream(1));
  EXPECT_TRUE(gpu.kicks.empty());
  become_idle_unseen();
  launch(stream(1));
  EXPECT_EQ(gpu.kicks.size(), 1U);
  synchronise(stream(1));
  launch(stream(1));
  EXPECT_EQ(gpu.kicks.size(), 1U);
}

TEST_F(QueueTest, WhoNeverSynchronisesGetsALookAfterEachBegin) {
  for (int i = 0; i < 20; ++i) {
    launch(stream(1));
    synchronise(stream(1));
  }
  for (int i = 0; i < 2; ++i) {
    launch(stream(1));
    become_idle_unseen();
  }
  gpu.kicks.clear();
  for (int i = 0; i < 5; ++i) {
    launch(stream(1));
    synchronise(stream(1));
  }
  EXPECT_EQ(gpu.kicks.size(), 5U);
}

TEST_F(QueueTest, OfAStreamThatCannotBeAskedNothingIsGuessed) {
  const auto per_thread = std::bit_cast<StreamHandle>(cuda::kPerThreadStreamValue);
  launch(per_thread);
  for (int i = 0; i < 20; ++i) {
    machine.watch(*device, gpu.now);
    gpu.now += 1000 * kOneUs;
  }
  EXPECT_TRUE(has_work());  // held back, perhaps
  synchronise(per_thread);
  EXPECT_FALSE(has_work());
}

TEST_F(QueueTest, CopiesBetweenHostAndDeviceComputeNothing) {
  launch(stream(1), Operation::kCopy);
  EXPECT_TRUE(has_work());
  EXPECT_FALSE(computes());
  launch(stream(2), Operation::kDeviceCopy);
  EXPECT_TRUE(computes());
  synchronise(stream(2));
  EXPECT_TRUE(computes());  // until all of it is done
  synchronise(stream(1));
  EXPECT_FALSE(computes());
  launch(stream(1), Operation::kGraph);
  EXPECT_TRUE(computes());
}

TEST_F(QueueTest, ItIsNoBurst) {
  for (int i = 0; i < 20; ++i) {
    launch(stream(1));
    synchronise(stream(1));
  }
  EXPECT_EQ(shared.page.counters.bursts.load(), 0U);
  EXPECT_EQ(shared.page.counters.burst_index.load(), 0U);
  EXPECT_EQ(shared.page.counters.gate_closures.load(), 0U);
  EXPECT_FALSE(device->burst.hold().wanted());
  EXPECT_EQ(device->burst.due_ns(), 0U);
}

TEST_F(QueueTest, WhoBecomesLatencyCriticalWithWorkUnderWayClosesItsGateWithTheNextLaunch) {
  launch(stream(1));
  shared.page.hot.armed = 0;
  shared.page.hot.gate = 3;
  EXPECT_EQ(shared.gate[3].word.load(), wire::kOpen);
  launch(stream(1));
  EXPECT_EQ(shared.gate[3].word.load(), wire::kClosed);
  EXPECT_EQ(shared.page.counters.bursts.load(), 1U);
  synchronise(stream(1));
  EXPECT_EQ(shared.gate[3].word.load(), wire::kOpen);
}

TEST_F(QueueTest, WhoIsNotLatencyCriticalAnyMoreOpensALingeringGate) {
  shared.page.hot.armed = 0;
  shared.page.hot.gate = 3;
  shared.page.hot.linger_us = 500;
  launch(stream(1));
  synchronise(stream(1));
  ASSERT_EQ(shared.gate[3].word.load(), wire::kClosed);
  shared.page.hot.gate = -1;
  shared.page.hot.armed = wire::kArmedTurn;
  launch(stream(1));
  EXPECT_EQ(shared.gate[3].word.load(), wire::kOpen);
  EXPECT_TRUE(has_work());
}

TEST_F(QueueTest, WorkThatIsLeftWhenTurnsEndIsSeenToEnd) {
  launch(stream(1));
  shared.page.hot.armed = 0;
  launch(stream(1));  // not followed any more
  gpu.busy.clear();
  machine.watch(*device, gpu.now);
  gpu.now += kWorkQuietNs;
  machine.watch(*device, gpu.now);
  EXPECT_FALSE(has_work());
}

}  // namespace
}  // namespace corun::shim
