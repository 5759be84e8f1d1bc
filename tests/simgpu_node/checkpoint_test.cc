// Checkpoint calls from outside: a process's memory leaves the device, and it goes on later.
#include "tests/simgpu_node/drop_in_fixture.h"

namespace corun::simgpu::testing {
namespace {

using cu::Code;
using cu::ProcessState;

constexpr uint64_t kMiB = uint64_t{1} << 20;

class Checkpoint : public DropIn {
 public:
  void SetUp() override {
    DropIn::SetUp();
#define CORUN_TEST_LOOK_UP(name, version, parameters)                                \
  {                                                                                  \
    void* found = nullptr;                                                           \
    ASSERT_EQ(driver().cuGetProcAddress(#name, &found, version, 0), Code::kSuccess); \
    driver().name = reinterpret_cast<decltype(driver().name)>(found);                \
  }
    CORUN_CUDA_LATER_FUNCTIONS(CORUN_TEST_LOOK_UP)
#undef CORUN_TEST_LOOK_UP
  }
  ProcessState state(int pid) {
    auto state = ProcessState::kFailed;
    EXPECT_EQ(driver().cuCheckpointProcessGetState(pid, &state), Code::kSuccess);
    return state;
  }
  Code lock(int pid, unsigned timeout_ms = 10'000) {
    cu::CheckpointLockArgs args{};
    args.timeout_ms = timeout_ms;
    return driver().cuCheckpointProcessLock(pid, &args);
  }
  Code checkpoint(int pid) { return driver().cuCheckpointProcessCheckpoint(pid, nullptr); }
  Code restore(int pid) { return driver().cuCheckpointProcessRestore(pid, nullptr); }
  Code unlock(int pid) { return driver().cuCheckpointProcessUnlock(pid, nullptr); }
  size_t free_bytes() {
    size_t free = 0;
    size_t total = 0;
    EXPECT_EQ(driver().cuMemGetInfo(&free, &total), Code::kSuccess);
    return free;
  }
  static Lines client(std::vector<std::string> arguments) {
    return node().client(std::move(arguments));
  }
};

/// Whether the process writes anything within `time`; what it wrote before is passed over.
bool writes_within(Lines& lines, std::chrono::milliseconds time) {
  char bytes[4096];
  pollfd item{lines.process().out_fd(), POLLIN, 0};
  while (poll(&item, 1, 0) > 0 && read(item.fd, bytes, sizeof bytes) > 0) {
  }
  return poll(&item, 1, static_cast<int>(time.count())) > 0;
}

TEST_F(Checkpoint, AParkedProcessLeavesTheDeviceStandsStillAndGoesOn) {
  const size_t before = free_bytes();
  Lines ticking = client({"tick", "256", "2000"});
  ASSERT_EQ(ticking.next(), "tick");
  const int pid = ticking.process().pid();
  const size_t beside = free_bytes();
  ASSERT_LE(beside, before - 256 * kMiB);
  ASSERT_EQ(lock(pid), Code::kSuccess);
  EXPECT_EQ(state(pid), ProcessState::kLocked);
  EXPECT_EQ(free_bytes(), beside);
  ASSERT_EQ(checkpoint(pid), Code::kSuccess);
  EXPECT_EQ(state(pid), ProcessState::kCheckpointed);
  EXPECT_EQ(free_bytes(), before - 4 * kMiB);
  EXPECT_FALSE(writes_within(ticking, std::chrono::milliseconds(200)));
  ASSERT_EQ(restore(pid), Code::kSuccess);
  EXPECT_EQ(free_bytes(), beside);
  EXPECT_FALSE(writes_within(ticking, std::chrono::milliseconds(100))) << "still locked";
  ASSERT_EQ(unlock(pid), Code::kSuccess);
  EXPECT_EQ(state(pid), ProcessState::kRunning);
  std::string last;
  for (std::string line = ticking.next(); !line.empty(); line = ticking.next()) last = line;
  EXPECT_EQ(last, "right");
}

TEST_F(Checkpoint, StepsTakeAsLongAsTheMemoryThatTheyMove) {
  Lines ticking = client({"tick", "1024", "100000"});
  ASSERT_EQ(ticking.next(), "tick");
  const int pid = ticking.process().pid();
  ASSERT_EQ(lock(pid), Code::kSuccess);
  const Instant begun = monotonic_now();
  ASSERT_EQ(checkpoint(pid), Code::kSuccess);
  const double parking = to_seconds(monotonic_now() - begun);
  EXPECT_NEAR(parking, (1024.0 + 2 + 520) * kMiB / 1.5e9, 0.1);
  ASSERT_EQ(restore(pid), Code::kSuccess);
  EXPECT_LT(to_seconds(monotonic_now() - begun) - parking, parking / 2);
}

TEST_F(Checkpoint, StepsOutOfOrderAreRefused) {
  Lines ticking = client({"tick", "1", "100000"});
  ASSERT_EQ(ticking.next(), "tick");
  const int pid = ticking.process().pid();
  EXPECT_EQ(checkpoint(pid), Code::kIllegalState);
  EXPECT_EQ(restore(pid), Code::kIllegalState);
  EXPECT_EQ(unlock(pid), Code::kIllegalState);
  EXPECT_EQ(lock(pid), Code::kSuccess);
  EXPECT_EQ(lock(pid), Code::kIllegalState);
  EXPECT_EQ(unlock(pid), Code::kSuccess);
  EXPECT_EQ(lock(1), Code::kInvalidValue) << "no GPU process";
}

TEST_F(Checkpoint, AProcessThatDoesNotDrainInTimeGoesOnRunning) {
  Lines busy = client({"busy", "1"});
  ASSERT_EQ(busy.next(), "holding");
  const int pid = busy.process().pid();
  EXPECT_EQ(lock(pid, 50), Code::kNotReady);
  EXPECT_EQ(state(pid), ProcessState::kRunning);
}

TEST_F(Checkpoint, AProcessThatIsRestoredWithoutRoomIsLost) {
  Lines ticking = client({"tick", "256", "100000"});
  ASSERT_EQ(ticking.next(), "tick");
  const int pid = ticking.process().pid();
  ASSERT_EQ(lock(pid), Code::kSuccess);
  ASSERT_EQ(checkpoint(pid), Code::kSuccess);
  cu::DevicePtr all = 0;
  ASSERT_EQ(driver().cuMemAlloc(&all, free_bytes() - 16 * kMiB), Code::kSuccess);
  EXPECT_EQ(restore(pid), Code::kOutOfMemory);
  EXPECT_EQ(state(pid), ProcessState::kCheckpointed);
  driver().cuMemFree(all);
  EXPECT_EQ(restore(pid), Code::kOperatingSystem);
  EXPECT_EQ(unlock(pid), Code::kIllegalState);
  EXPECT_EQ(state(pid), ProcessState::kCheckpointed);
}

TEST_F(Checkpoint, LookingAtTheDeviceGoesOnWhileLockedAndKillsWhatIsParked) {
  Lines watching = client({"watch", "1"});
  ASSERT_EQ(watching.next(), "watching");
  const int pid = watching.process().pid();
  ASSERT_EQ(lock(pid), Code::kSuccess);
  EXPECT_TRUE(writes_within(watching, std::chrono::milliseconds(2000)));
  ASSERT_EQ(checkpoint(pid), Code::kSuccess);
  const auto end = watching.process().wait(kPatience);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->signal, SIGSEGV);
}

TEST_F(Checkpoint, AParkedProcessThatIsKilledLeavesNothing) {
  const size_t before = free_bytes();
  Lines ticking = client({"tick", "256", "100000"});
  ASSERT_EQ(ticking.next(), "tick");
  ASSERT_EQ(lock(ticking.process().pid()), Code::kSuccess);
  ASSERT_EQ(checkpoint(ticking.process().pid()), Code::kSuccess);
  ticking.process().signal(SIGKILL);
  const Instant deadline = monotonic_now() + kPatience;
  while (free_bytes() != before && monotonic_now() < deadline) {
  }
  EXPECT_EQ(free_bytes(), before);
}

}  // namespace
}  // namespace corun::simgpu::testing
