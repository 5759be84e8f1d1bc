// The shim's side of parking: what is held, who asks, when it is ready, waiting for memory, and a
// daemon that ends in the middle.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "engine/shim/preload/hook_table.h"
#include "tests/shim/fake_daemon.h"
#include "tests/shim/fake_gpu.h"
#include "tests/shim/workload.h"

namespace corun::shim {
namespace {

using testing::eventually;
using testing::FakeDaemon;
using testing::Manner;
using testing::Workload;

class ParkingTest : public ::testing::Test {
 protected:
  ParkingTest() {
    daemon.memory_wait_ms = 60'000;
    workload = std::make_unique<Workload>(
        Workload::Options{.environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}});
    workload->ask("start");
    page = daemon.session(0);
  }
  void SetUp() override { ASSERT_NE(page, nullptr); }
  /// A parked process does not end before it is back.
  void TearDown() override { FakeDaemon::set_parked(*page, false); }
  uint64_t held() const { return page->waits.held_calls; }
  uint32_t ready() const { return page->waits.park_ready; }
  std::string finished() const { return workload->ask("finished"); }

  FakeDaemon daemon;
  std::unique_ptr<Workload> workload;
  wire::SessionPage* page = nullptr;
};

/// Hooks that do not wait: they are no use of the GPU, or have a device that is not the parked
/// one's (the test's parameters are pointers).
bool passes(const std::string& symbol) {
  static const std::set<std::string> names = {"cuGetProcAddress",
                                              "cuGetProcAddress_v2",
                                              "cuCtxCreate_v2",
                                              "cuCtxCreate_v3",
                                              "cuCtxCreate_v4",
                                              "cuDevicePrimaryCtxRetain",
                                              "cuDevicePrimaryCtxRelease_v2",
                                              "cuDevicePrimaryCtxReset_v2"};
  return names.contains(symbol) || symbol.starts_with("nvml");
}

TEST_F(ParkingTest, EveryKindOfCallIsHeldUntilTheProcessIsBackAndAsksForIt) {
  int calls = 0;
  for (const Hook& hook : hooks) {
    if (passes(hook.symbol)) continue;
    SCOPED_TRACE(hook.symbol);
    FakeDaemon::set_parked(*page, true);
    const uint64_t before = held();
    const std::string driver_calls = workload->ask(std::string("calls ") + hook.symbol);
    ASSERT_EQ(workload->ask(std::string("thread ") + hook.symbol), "0");
    ASSERT_TRUE(eventually([&] { return held() == before + 1; }));
    EXPECT_EQ(finished(), std::to_string(calls));
    EXPECT_EQ(workload->ask(std::string("calls ") + hook.symbol), driver_calls);
    FakeDaemon::set_parked(*page, false);
    ASSERT_TRUE(workload->becomes("finished", std::to_string(++calls)));
    EXPECT_EQ(held(), before + 1);
  }
  EXPECT_GT(calls, 150);
}

TEST_F(ParkingTest, AHeldCallGivesNoticeAtOnce) {
  FakeDaemon::set_parked(*page, true);
  ASSERT_TRUE(eventually([&] { return ready() == 1; }));
  ASSERT_TRUE(eventually([&] { return daemon.notices() == 1; })) << "that it is ready";
  workload->ask("thread cuLaunchKernel");
  EXPECT_TRUE(eventually([&] { return daemon.notices() == 1; }));
  EXPECT_EQ(daemon.notices(), 0U);
}

TEST_F(ParkingTest, ItIsReadyOnceNobodyIsInsideOfASynchronisation) {
  workload->ask("block-syncs 1");
  workload->ask("thread cuCtxSynchronize");
  ASSERT_TRUE(workload->becomes("calls cuCtxSynchronize", "1"));
  FakeDaemon::set_parked(*page, true);
  workload->ask("thread cuLaunchKernel");  // its thread has looked at the page since
  ASSERT_TRUE(eventually([&] { return held() == 1; }));
  EXPECT_EQ(ready(), 0U);
  workload->ask("block-syncs 0");
  EXPECT_TRUE(eventually([&] { return ready() == 1; }));
  EXPECT_EQ(held(), 1U) << "a synchronisation that was going on does not ask";
}

/// The driver's map for what it moves, as a library behind libcorun.so sees it.
TEST(ParkingRoomTest, AParkedProcesssPopulatedMapIsTouchedByLibcorunInsteadOfTheKernel) {
  FakeDaemon daemon;
  Workload workload({.behind = testing::counting_library(),
                     .environment = {{"CORUN_RUN_DIR", daemon.run_dir()}}});
  workload.ask("start");
  wire::SessionPage* page = daemon.session(0);
  ASSERT_NE(page, nullptr);
  const auto populates = [&] { return workload.ask("counted map_populates") == "1"; };
  constexpr uint64_t kLarge = uint64_t{160} << 20;
  constexpr uint64_t kSmall = uint64_t{32} << 20;
  const std::string large = std::to_string(kLarge);
  ASSERT_EQ(workload.ask("map-populated " + large), "1");
  EXPECT_TRUE(populates()) << "it is not parked";
  FakeDaemon::set_parked(*page, true);
  ASSERT_EQ(workload.ask("map-populated " + large), "1");
  EXPECT_FALSE(populates());
  EXPECT_EQ(workload.ask("resident 1"), large);
  ASSERT_EQ(workload.ask("map-populated " + std::to_string(kSmall)), "1");
  EXPECT_TRUE(populates()) << "too small to be what is moved";
  ASSERT_EQ(workload.ask("map " + large), "1");
  EXPECT_EQ(workload.ask("resident 3"), "0") << "nobody asked for it to be there";
  FakeDaemon::set_parked(*page, false);
  ASSERT_EQ(workload.ask("map-populated " + large), "1");
  EXPECT_TRUE(populates());
}

TEST_F(ParkingTest, AThreadThatWaitsForTheGpuIsTold) {
  workload->ask("block-syncs 1");
  workload->ask("thread cuCtxSynchronize");
  EXPECT_TRUE(eventually([&] { return (page->counters.flags & wire::kFlagWaiting) != 0; }));
  workload->ask("block-syncs 0");
  EXPECT_TRUE(eventually([&] { return (page->counters.flags & wire::kFlagWaiting) == 0; }));
}

TEST_F(ParkingTest, MemoryOfOtherProcessesIsTold) {
  EXPECT_EQ(page->counters.flags & wire::kFlagSharesMemory, 0U);
  workload->ask("thread cuIpcGetMemHandle");
  EXPECT_TRUE(eventually([&] { return (page->counters.flags & wire::kFlagSharesMemory) != 0; }));
}

TEST_F(ParkingTest, WithoutItsDaemonACallWaitsUntilTheDriverSaysThatTheProcessRuns) {
  workload->ask("process-state 2");
  FakeDaemon::set_parked(*page, true);
  workload->ask("thread cuStreamSynchronize");
  ASSERT_TRUE(eventually([&] { return held() == 1; }));
  daemon.set_manner(Manner::kRefuse);
  daemon.hang_up();
  ASSERT_TRUE(workload->becomes("present", "0"));
  workload->ask("thread cuLaunchKernel");
  const size_t connections = daemon.connections();
  ASSERT_TRUE(eventually([&] { return daemon.connections() > connections; })) << "a second passed";
  EXPECT_EQ(finished(), "0");
  workload->ask("process-state 0");
  EXPECT_TRUE(workload->becomes("finished", "2"));
}

TEST_F(ParkingTest, AParkedProcessSaysSoToTheNextDaemon) {
  workload->ask("process-state 2");
  FakeDaemon::set_parked(*page, true);
  ASSERT_TRUE(eventually([&] { return ready() == 1; }));
  EXPECT_EQ(daemon.request(0).flags & wire::kJoinParked, 0U);
  daemon.armed = wire::kArmedParked;
  daemon.hang_up();
  wire::SessionPage* next = daemon.session(1);
  ASSERT_NE(next, nullptr);
  EXPECT_NE(daemon.request(1).flags & wire::kJoinParked, 0U);
  workload->ask("thread cuLaunchKernel");
  ASSERT_TRUE(eventually([&] { return next->waits.held_calls == 1; }));
  EXPECT_EQ(finished(), "0");
  FakeDaemon::set_parked(*next, false);
  EXPECT_TRUE(workload->becomes("finished", "1"));
}

TEST_F(ParkingTest, AnAllocationWaitsForMemoryAndIsTriedAgain) {
  workload->ask("fail-next");
  workload->ask("thread-alloc");
  ASSERT_TRUE(eventually([&] { return page->waits.memory_asks == 1; }));
  EXPECT_EQ(page->waits.wanted_bytes, 1U << 20);
  EXPECT_TRUE(eventually([&] { return daemon.notices() == 1; }));
  EXPECT_EQ(finished(), "0");
  FakeDaemon::answer_memory(*page, true);
  EXPECT_TRUE(workload->becomes("finished", "1"));
  EXPECT_EQ(workload->ask("last-code"), "0");
  EXPECT_EQ(page->waits.wanted_bytes, 0U);
  EXPECT_EQ(page->counters.memory_bytes, 1U << 20);
  EXPECT_EQ(page->counters.refusals, 0U);
}

TEST_F(ParkingTest, MemoryThatComesFreeAMomentAfterTheAnswerIsFound) {
  for (int i = 0; i < 5; ++i) workload->ask("fail-next");
  workload->ask("thread-alloc");
  ASSERT_TRUE(eventually([&] { return page->waits.memory_asks == 1; }));
  FakeDaemon::answer_memory(*page, true);
  EXPECT_TRUE(workload->becomes("last-code", "0"));
  EXPECT_EQ(page->waits.memory_asks, 1U);
}

TEST_F(ParkingTest, MemoryThatDoesNotComeFreeAfterTheAnswerIsRefused) {
  for (int i = 0; i < 1000; ++i) workload->ask("fail-next");
  workload->ask("thread-alloc");
  ASSERT_TRUE(eventually([&] { return page->waits.memory_asks == 1; }));
  FakeDaemon::answer_memory(*page, true);
  EXPECT_TRUE(workload->becomes("last-code", "2"));
  EXPECT_EQ(page->counters.memory_bytes, 0U);
}

TEST_F(ParkingTest, ARefusalEndsTheWait) {
  workload->ask("fail-next");
  workload->ask("thread-alloc");
  ASSERT_TRUE(eventually([&] { return page->waits.memory_asks == 1; }));
  FakeDaemon::answer_memory(*page, false);
  EXPECT_TRUE(workload->becomes("last-code", "2"));
  EXPECT_EQ(page->counters.memory_bytes, 0U);
}

TEST_F(ParkingTest, WithoutAWaitTheRefusalComesAtOnce) {
  page->orders.memory_wait_ms = 0;
  workload->ask("fail-next");
  EXPECT_EQ(workload->ask("alloc plain 1048576"), "2");
  EXPECT_EQ(page->waits.memory_asks, 0U);
}

TEST_F(ParkingTest, WithoutADaemonTheDriversAnswerCounts) {
  workload->ask("fail-next");
  workload->ask("thread-alloc");
  ASSERT_TRUE(eventually([&] { return page->waits.memory_asks == 1; }));
  daemon.set_manner(Manner::kRefuse);
  daemon.hang_up();
  EXPECT_TRUE(workload->becomes("last-code", "0"));
}

TEST_F(ParkingTest, NoRoomOnTheGpuWaitsWhileTheOwnLimitRefusesAtOnce) {
  page->orders.memory_room_bytes = 1;
  workload->ask("thread-alloc");
  ASSERT_TRUE(eventually([&] { return page->waits.memory_asks == 1; }));
  page->orders.memory_room_bytes = 0;
  FakeDaemon::answer_memory(*page, true);
  EXPECT_TRUE(workload->becomes("last-code", "0"));
  page->orders.memory_room_bytes = 1;
  page->orders.memory_limit_bytes = 1U << 20;
  EXPECT_EQ(workload->ask("alloc plain 4096"), "2");
  EXPECT_EQ(page->waits.memory_asks, 1U);
  EXPECT_EQ(page->counters.refusals, 1U);
}

/// The state machine alone, with threads that synchronise all the time.
class Handshake : public ::testing::Test {
 protected:
  Handshake() {
    Outside outside = gpu.outside();
    outside.kick = nullptr;  // the fake one is for a single thread
    machine.start(gpu.driver, outside, false);
    device = machine.on_context(0, gpu.context);
    machine.show(*device, &pages.pages);
  }
  ~Handshake() override { machine.free_devices(); }
  void park(bool parked) { pages.page.hot.armed = parked ? wire::kArmedParked : 0; }

  testing::FakeGpu gpu;
  testing::SessionPages pages;
  Machine machine;
  DeviceState* device = nullptr;
};

TEST_F(Handshake, OnceReadyNobodyIsInsideUntilTheBitIsCleared) {
  std::atomic<bool> stop{false};
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  threads.reserve(3);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        machine.begin_look(device);
        ++inside;
        --inside;
        machine.end_look(device);
      }
    });
  }
  for (int round = 0; round < 300; ++round) {
    park(true);
    while (machine.looking()) std::this_thread::yield();
    for (int look = 0; look < 50; ++look) ASSERT_EQ(inside, 0);
    park(false);
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Handshake, TheShimsOwnQuestionsAreLeftOut) {
  EXPECT_TRUE(machine.try_look(*device));
  machine.end_look(device);
  park(true);
  EXPECT_FALSE(machine.try_look(*device));
  EXPECT_FALSE(machine.looking());
}

}  // namespace
}  // namespace corun::shim
