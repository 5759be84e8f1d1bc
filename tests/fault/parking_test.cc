// Parking, with a GPU whose memory is too small: who is brought to host memory and back, and what
// happens to a workload whose daemon, whose neighbour or who itself fails meanwhile. The simulated
// driver ends a parked process that synchronises, as the real one does.
#include <nlohmann/json.hpp>
#include <thread>

#include "core/json.h"
#include "core/json_values.h"
#include "tests/fault/fault_fixture.h"

namespace corun::fault {
namespace {

constexpr uint64_t kParkingMiB = 1 << 20;

/// An H100 with 3 GiB, whose memory moves at these speeds.
class SmallGpu {
 public:
  SmallGpu(double park_bytes_per_s, double restore_bytes_per_s)
      : folder_(TemporaryFolder::create("corun-profile-").value()) {
    Json profile = read_json_file(CORUN_SOURCE_DIR "/simgpu/profiles/h100.json").value();
    Json& parameters = profile.at("parameters");
    parameters.at("memory_bytes").at("value") = 3072 * kParkingMiB;
    parameters.at("park_bytes_per_s").at("value") = park_bytes_per_s;
    parameters.at("restore_bytes_per_s").at("value") = restore_bytes_per_s;
    write_file_atomically(path(), profile.dump()).value();
  }
  std::filesystem::path path() const { return folder_.path() / "small.json"; }

 private:
  TemporaryFolder folder_;
};

class ParkingFault : private SmallGpu, public Fault {
 protected:
  explicit ParkingFault(const std::vector<std::string>& daemon = {"--park-idle", "1s"},
                        double park_bytes_per_s = 10e9)
      : SmallGpu(park_bytes_per_s, 20e9), Fault({"--profile", path().string()}, daemon) {}

  bool becomes(const std::string& name, const std::string& state) const {
    return eventually([&] { return of(name).state == state; }, kPatience);
  }
  /// Holds 1.5 GiB besides the context's 0.5: two of them do not fit.
  Tenant start_large(const std::string& name) {
    return start(name, "normal", {"train", "--kernel-us", "1000", "--memory", "1536MiB"});
  }
  Tenant start_parked(const std::string& name) {
    Tenant tenant = start_large(name);
    tenant.warm();
    EXPECT_TRUE(client::Client::connect_only(run_dir()).value().park(name, true));
    return tenant;
  }
  void begin(Tenant& tenant, double seconds) {
    tenant.send(StartCommand{1, monotonic_now() + std::chrono::milliseconds(30), seconds, 7});
  }
  /// Every thread of it is stopped.
  static bool stands_still(pid_t pid) {
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
      const auto stat = read_file(task.path() / "stat");
      if (!stat || stat->find(") T ") == std::string::npos) return false;
    }
    return true;
  }
  /// Makes no call for as long as --park-idle says.
  void be_idle() const { sleep_until(monotonic_now() + std::chrono::milliseconds(1200)); }
  static void expect_right(Tenant& tenant) {
    EXPECT_EQ(done_in(tenant.until<DoneMessage>()).checksum_ok, true);
  }
};

TEST_F(ParkingFault, AnIdleWorkloadMakesRoomForAJobAndComesBackAtItsNextLaunch) {
  Tenant notebook = start_large("notebook");
  notebook.warm();
  be_idle();
  Tenant job = start_large("job");
  job.warm();  // its allocation waited
  EXPECT_EQ(of("notebook").state, "parked");
  EXPECT_EQ(figure("notebook", "parks"), 1);
  EXPECT_GE(figure("job", "memory_waits"), 1);
  EXPECT_EQ(figure("job", "refusals"), 0);
  EXPECT_EQ(job.stop().code, 0);
  EXPECT_EQ(of("notebook").state, "parked") << "nobody asked for it";
  begin(notebook, 0.3);
  expect_right(notebook);
  EXPECT_EQ(of("notebook").state, "running");
  EXPECT_EQ(figure("notebook", "resumes"), 1);
  EXPECT_GT(figure("notebook", "parked_seconds"), 0);
  EXPECT_GT(figure("notebook", "moved_bytes"), 2 * 1536.0 * kParkingMiB);
  const auto trace = client::Client::connect_only(run_dir())->trace("notebook").value();
  const auto parked = std::find_if(trace.entries.begin(), trace.entries.end(),
                                   [](const auto& entry) { return entry.change == "parked"; });
  ASSERT_NE(parked, trace.entries.end());
  EXPECT_NE(parked->why.find("job waits for"), std::string::npos) << parked->why;
  EXPECT_EQ(notebook.stop().code, 0);
}

TEST_F(ParkingFault, WithNobodyIdleTheAllocationIsRefusedAtOnce) {
  Tenant busy = start_large("busy");
  busy.warm();
  begin(busy, 4);
  Tenant job = start_large("job");
  job.send(WarmCommand{.max_s = 1, .window_s = 0.1});
  EXPECT_NE(job.wait().code, 0);
  EXPECT_EQ(figure("busy", "parks"), 0);
  expect_right(busy);
}

TEST_F(ParkingFault, AWorkloadKilledWhileItIsParkedLeavesNothing) {
  Tenant notebook = start_large("notebook");
  notebook.warm();
  be_idle();
  Tenant job = start_large("job");
  job.warm();
  kill(notebook.pid(), SIGKILL);
  EXPECT_TRUE(eventually([this] { return of("notebook").state.empty(); }, kPatience));
  begin(job, 0.3);
  expect_right(job);
}

TEST_F(ParkingFault, AStoppedWorkloadIsNotParkedAndGoesOnLater) {
  Tenant notebook = start_large("notebook");
  notebook.warm();
  kill(notebook.pid(), SIGSTOP);
  ASSERT_TRUE(eventually([&] { return stands_still(notebook.pid()); }, kPatience));
  auto daemon = client::Client::connect_only(run_dir()).value();
  const Status parked = daemon.park("notebook", true);
  ASSERT_FALSE(parked);
  EXPECT_NE(parked.error().what.find("does not answer"), std::string::npos) << parked.error().what;
  EXPECT_EQ(of("notebook").state, "running");
  kill(notebook.pid(), SIGCONT);
  begin(notebook, 0.3);
  expect_right(notebook);
}

TEST_F(ParkingFault, AParkUntilResumeHoldsABusyWorkloadAndAnOrdinaryOneDoesNot) {
  Tenant busy = start_large("busy");
  busy.warm();
  begin(busy, 3);
  ASSERT_TRUE(eventually([this] { return figure("busy", "launches") > 100; }, kPatience));
  auto daemon = client::Client::connect_only(run_dir()).value();
  const Status refused = daemon.park("busy");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().todo.find("--until-resume"), std::string::npos);
  EXPECT_EQ(of("busy").state, "running");
  ASSERT_TRUE(daemon.park("busy", true));
  const double launches = figure("busy", "launches");
  sleep_until(monotonic_now() + std::chrono::milliseconds(500));
  EXPECT_EQ(of("busy").state, "parked");
  EXPECT_EQ(figure("busy", "launches"), launches) << "one call waits, and no more come";
  ASSERT_TRUE(daemon.resume("busy"));
  EXPECT_TRUE(eventually([&] { return figure("busy", "launches") > launches; }, kPatience));
  expect_right(busy);
}

TEST_F(ParkingFault, WhenTheDaemonIsKilledAParkedWorkloadComesBackByItself) {
  Tenant notebook = start_parked("notebook");
  daemon_->signal(SIGKILL);
  ASSERT_TRUE(daemon_->wait(kPatience));
  begin(notebook, 0.3);
  expect_right(notebook);
  EXPECT_EQ(notebook.stop().code, 0);
}

TEST_F(ParkingFault, WhenTheDaemonIsKilledAParkedWorkloadWaitsForRoomAndThenComesBack) {
  Tenant notebook = start_large("notebook");
  notebook.warm();
  be_idle();
  Tenant job = start_large("job");
  job.warm();
  ASSERT_EQ(of("notebook").state, "parked");
  daemon_->signal(SIGKILL);
  ASSERT_TRUE(daemon_->wait(kPatience));
  begin(notebook, 0.3);
  begin(job, 2);
  expect_right(job);
  EXPECT_EQ(job.stop().code, 0);
  expect_right(notebook);  // a restore without room would have lost it
}

TEST_F(ParkingFault, TheNextDaemonBringsAParkedWorkloadBack) {
  Tenant notebook = start_parked("notebook");
  daemon_->signal(SIGKILL);
  ASSERT_TRUE(daemon_->wait(kPatience));
  start_daemon({"--park-idle", "1s"});
  EXPECT_TRUE(becomes("notebook", "running"));
  begin(notebook, 0.3);
  expect_right(notebook);
}

TEST_F(ParkingFault, ADaemonThatEndsBringsEverybodyBack) {
  Tenant notebook = start_parked("notebook");
  daemon_->signal(SIGTERM);
  EXPECT_EQ(daemon_->wait(kPatience)->code, 0);
  begin(notebook, 0.3);
  expect_right(notebook);
}

/// A move takes a second.
class SlowMoves : public ParkingFault {
 protected:
  SlowMoves() : ParkingFault({"--park-idle", "1s"}, 2e9) {}
};

TEST_F(SlowMoves, AWorkloadKilledWhileItIsMovedHoldsNobodyUp) {
  Tenant notebook = start_large("notebook");
  notebook.warm();
  be_idle();
  Tenant job = start_large("job");
  job.send(WarmCommand{.max_s = 30, .window_s = 0.1});
  ASSERT_TRUE(becomes("notebook", "parking"));
  kill(notebook.pid(), SIGKILL);
  EXPECT_FALSE(job.until<ReadyMessage>().empty()) << "its memory is free";
}

TEST_F(SlowMoves, WhenTheDaemonIsKilledInTheMiddleOfAMoveTheWorkloadGoesOn) {
  Tenant notebook = start_large("notebook");
  notebook.warm();
  auto daemon = client::Client::connect_only(run_dir()).value();
  std::thread operator_thread([&] { EXPECT_FALSE(daemon.park("notebook", true)); });
  EXPECT_TRUE(becomes("notebook", "parking"));
  sleep_until(monotonic_now() + std::chrono::milliseconds(400));  // inside of the driver's call
  daemon_->signal(SIGKILL);
  ASSERT_TRUE(daemon_->wait(kPatience));
  operator_thread.join();
  begin(notebook, 0.3);
  expect_right(notebook);
}

TEST_F(SlowMoves, ACallThatComesWhileItIsMovedBringsItBackAfterwards) {
  Tenant notebook = start_large("notebook");
  notebook.warm();
  be_idle();
  Tenant job = start_large("job");
  job.send(WarmCommand{.max_s = 30, .window_s = 0.1});
  ASSERT_TRUE(becomes("notebook", "parking"));
  sleep_until(monotonic_now() + std::chrono::milliseconds(300));  // its helper is at work
  begin(notebook, 0.3);
  EXPECT_FALSE(job.until<ReadyMessage>().empty());
  EXPECT_EQ(job.stop().code, 0);
  expect_right(notebook);
}

class RotateFault : public ParkingFault {
 protected:
  RotateFault() : ParkingFault({"--policy", "rotate", "--quantum", "1s"}) {}
};

TEST_F(RotateFault, TwoJobsOf67PercentOfTheMemoryBothProgress) {
  Tenant a = start_large("a");
  a.warm();
  Tenant b = start_large("b");
  b.send(WarmCommand{.max_s = 60, .window_s = 0.1});
  begin(a, 14);
  EXPECT_FALSE(b.until<ReadyMessage>().empty()) << "it waited for its turn";
  begin(b, 6);
  // Both once more, after each was parked for the other.
  const std::map<std::string, double> before = {{"a", figure("a", "launches")},
                                                {"b", figure("b", "launches")}};
  EXPECT_TRUE(eventually(
      [&] {
        const double used = figure("a", "memory_bytes") * (of("a").state != "parked") +
                            figure("b", "memory_bytes") * (of("b").state != "parked");
        EXPECT_LE(used, 3072.0 * kParkingMiB);
        return figure("a", "launches") > before.at("a") + 100 &&
               figure("b", "launches") > before.at("b") + 100 && figure("b", "parks") >= 1;
      },
      kPatience));
  EXPECT_GE(figure("a", "resumes"), 1);
  expect_right(a);
  expect_right(b);
}

}  // namespace
}  // namespace corun::fault
