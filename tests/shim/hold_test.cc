// The kernel that keeps the GPU through a burst and its linger: when it is launched, renewed,
// released, and when it rests.
#include "engine/shim/hold.h"

#include <gtest/gtest.h>

#include "tests/shim/fake_gpu.h"

namespace corun::shim {
namespace {

using testing::FakeGpu;
using testing::SessionPages;
using testing::stream;

constexpr uint64_t kUs = 1000;
constexpr uint64_t kGapNs = 5'000'000;

class HoldTest : public ::testing::Test {
 protected:
  HoldTest() {
    session = &shared;
    machine.start(gpu.driver, gpu.outside([](DeviceState& made) {
      made.joined = &session->pages;
      made.pages = &session->pages;
    }),
                  true);
    shared.page.hot.gate = 3;
    shared.page.hot.linger_us = 100;
    shared.page.hot.hold = 1;
    device = machine.on_context(0, gpu.context);
  }
  ~HoldTest() override { machine.free_devices(); }

  void launch() {
    Operation operation;
    operation.kind = Operation::kGraph;
    operation.stream = stream(1);
    operation.key = 77;
    machine.before(operation);
    machine.after(operation, Code::kSuccess);
  }
  void synchronise() {
    Synchronisation sync;
    machine.before_stream_sync(sync, stream(1));
    machine.after_sync(sync, Code::kSuccess);
  }
  /// What the shim's thread does when it is awake.
  void look() {
    if (hold().wanted()) {
      hold().prepare(gpu.driver);
    }
    device->burst.hold_if_due(gpu.driver, gpu.now);
    device->burst.tick(device->streams, gpu.now);
  }
  /// A burst of `us`, during which the thread looks when it was asked to.
  void burst(uint64_t us = 600) {
    launch();
    const uint64_t begin = gpu.now;
    if (device->burst.hold_due_ns() <= begin + us * kUs) {
      gpu.now = std::max(begin, device->burst.hold_due_ns());
      look();
    }
    gpu.now = begin + us * kUs;
    synchronise();
  }
  void let_linger_end() {
    gpu.now += kGapNs;
    look();
  }
  /// Bursts until the machine knows what a burst is.
  void warm() {
    for (uint32_t i = 0; i < kHoldAfterBursts; ++i) {
      burst();
      let_linger_end();
    }
    gpu.holds.clear();
  }
  Hold& hold() { return device->burst.hold(); }

  static SessionPages* session;
  FakeGpu gpu;
  SessionPages shared;
  Machine machine;
  DeviceState* device = nullptr;
};

SessionPages* HoldTest::session = nullptr;

TEST_F(HoldTest, ABurstIsHeldOnceSomeAreKnown) {
  warm();
  burst();
  ASSERT_EQ(gpu.holds.size(), 1U);
  EXPECT_TRUE(hold().active());
}

TEST_F(HoldTest, SomethingIsQueuedBehindTheKernel) {
  warm();
  burst();
  ASSERT_EQ(gpu.holds.size(), 1U);
  EXPECT_EQ(gpu.writes, std::vector<StreamHandle>{gpu.holds[0].stream});
}

TEST_F(HoldTest, TheKernelHasAStreamOfItsOwn) {
  warm();
  burst();
  ASSERT_EQ(gpu.holds.size(), 1U);
  EXPECT_NE(gpu.holds[0].stream, stream(1));
}

TEST_F(HoldTest, ItEndsWithTheLinger) {
  warm();
  burst();
  gpu.now += 99 * kUs;
  look();
  EXPECT_TRUE(hold().active());
  EXPECT_NE(gpu.word_of_hold(0), gpu.holds[0].ticket);
  gpu.now += 1 * kUs;
  look();
  EXPECT_FALSE(hold().active());
  EXPECT_EQ(gpu.word_of_hold(0), gpu.holds[0].ticket);
}

TEST_F(HoldTest, TheNextBurstWithinTheLingerKeepsAndRenewsIt) {
  warm();
  burst();
  const uint32_t renewals = gpu.word_of_hold(1);
  gpu.now += 50 * kUs;
  burst();
  EXPECT_EQ(gpu.holds.size(), 1U);
  EXPECT_TRUE(hold().active());
  EXPECT_EQ(gpu.word_of_hold(1), renewals + 1);
}

TEST_F(HoldTest, TheNextBurstAfterTheLingerGetsAnother) {
  warm();
  burst();
  let_linger_end();
  burst();
  ASSERT_EQ(gpu.holds.size(), 2U);
  EXPECT_EQ(gpu.holds[1].ticket, gpu.holds[0].ticket + 1);
}

TEST_F(HoldTest, ItsLimitIsATypicalBurstTheLingerAndABit) {
  warm();
  burst();
  ASSERT_EQ(gpu.holds.size(), 1U);
  EXPECT_EQ(gpu.holds[0].limit_ns, 600 * kUs + 100 * kUs + kHoldSpareNs);
}

TEST_F(HoldTest, ABurstThatIsOverBeforeItIsDueIsNotHeld) {
  warm();
  burst(20);
  EXPECT_TRUE(gpu.holds.empty());
}

TEST_F(HoldTest, WithoutTheOrderNothingIsHeld) {
  warm();
  shared.page.hot.hold = 0;
  burst();
  EXPECT_TRUE(gpu.holds.empty());
  EXPECT_EQ(device->burst.phase(), Burst::kLingering);
}

TEST_F(HoldTest, TheFirstBurstMakesItReadyBeforeThereIsACompetitor) {
  shared.page.hot.hold = 0;
  shared.page.orders.slice_us = wire::kDefaultSliceUs;
  launch();
  EXPECT_TRUE(hold().wanted());
  look();
  EXPECT_EQ(hold().state(), Hold::kReady);
  EXPECT_TRUE(gpu.holds.empty());
}

TEST_F(HoldTest, WhereNoSlicesActItIsNotMade) {
  shared.page.hot.hold = 0;
  shared.page.orders.slice_us = 0;
  burst();
  EXPECT_EQ(hold().state(), Hold::kNone);
  EXPECT_EQ(gpu.modules_loaded, 0);
}

TEST_F(HoldTest, WithoutAGateTheHeldGpuLingersAllTheSame) {
  warm();
  shared.page.hot.gate = -1;
  burst();
  EXPECT_EQ(device->burst.phase(), Burst::kLingering);
  let_linger_end();
  EXPECT_FALSE(hold().active());
}

TEST_F(HoldTest, WaitingForTheWholeContextReleasesItFirst) {
  warm();
  launch();
  gpu.now = device->burst.hold_due_ns();
  look();
  ASSERT_TRUE(hold().active());
  Synchronisation sync;
  machine.before_context_sync(sync);
  EXPECT_FALSE(hold().active());
}

TEST_F(HoldTest, AllocatingAndFreeingReleaseItFirst) {
  warm();
  burst();
  Reservation reservation;
  ASSERT_EQ(machine.reserve(reservation, device, 512), Reserved::kYes);
  EXPECT_FALSE(hold().active());
  machine.commit(reservation, MemoryKind::kLinear, 0x7000, gpu.context);
  let_linger_end();
  burst();
  ASSERT_TRUE(hold().active());
  Holding holding;
  EXPECT_TRUE(machine.before_free(MemoryKind::kLinear, 0x7000, &holding));
  EXPECT_FALSE(hold().active());
}

TEST_F(HoldTest, VoidOrdersReleaseIt) {
  warm();
  burst();
  device->burst.abandon(gpu.now);
  EXPECT_FALSE(hold().active());
}

TEST_F(HoldTest, ItRestsAfterABurstThatLastedToItsLimit) {
  warm();
  burst(1000);
  let_linger_end();
  const size_t before = gpu.holds.size();
  for (uint32_t i = 0; i < 2 * kHoldRest - 1; ++i) {
    burst();
    let_linger_end();
  }
  EXPECT_EQ(gpu.holds.size(), before);
  burst();
  EXPECT_EQ(gpu.holds.size(), before + 1);
}

TEST_F(HoldTest, ABurstThatEndsDuringTheLaunchLeavesNothingBehind) {
  warm();
  launch();
  gpu.now = device->burst.hold_due_ns();
  gpu.during_launch = [this] { device->burst.abandon(gpu.now); };
  device->burst.hold_if_due(gpu.driver, gpu.now);
  EXPECT_FALSE(hold().active());
}

TEST_F(HoldTest, ADriverThatCannotLoadTheKernelIsAskedOnce) {
  gpu.module_code = Code::kNotSupported;
  warm();
  burst();
  EXPECT_TRUE(gpu.holds.empty());
  EXPECT_EQ(hold().state(), Hold::kImpossible);
  EXPECT_EQ(gpu.modules_loaded, 1);
}

TEST_F(HoldTest, AnotherContextMakesItAnew) {
  warm();
  machine.on_context_gone(gpu.context);
  EXPECT_EQ(hold().state(), Hold::kNone);
}

}  // namespace
}  // namespace corun::shim
