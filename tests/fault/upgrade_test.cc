// The daemon comes and goes while workloads run: killed, hung, replaced, and replaced by a build
// that speaks another version. Nobody stops, and all join again.
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "tests/fault/fault_fixture.h"

namespace corun::fault {
namespace {

/// The daemon of another build: refuses every workload by its version.
class OtherVersion {
 public:
  explicit OtherVersion(const std::filesystem::path& socket)
      : listener_(client::listen_unix(socket, SOCK_SEQPACKET, 0600).value()),
        thread_([this] { serve(); }) {}
  ~OtherVersion() {
    stop_ = true;
    thread_.join();
  }
  OtherVersion(const OtherVersion&) = delete;
  OtherVersion& operator=(const OtherVersion&) = delete;

  int refused() const { return refused_; }

 private:
  void serve() {
    while (!stop_) {
      pollfd item{listener_.get(), POLLIN, 0};
      if (poll(&item, 1, 20) <= 0) continue;
      const Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      wire::JoinRequest request{};
      if (recv(fd.get(), &request, sizeof request, 0) != sizeof request) continue;
      wire::JoinReply reply{};
      reply.magic = wire::kJoinMagic;
      reply.version = wire::kWireVersion + 1;
      reply.status = wire::JoinStatus::kVersion;
      send(fd.get(), &reply, sizeof reply, MSG_NOSIGNAL);
      ++refused_;
    }
  }

  Fd listener_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> refused_ = 0;
  std::thread thread_;
};

class Upgrade : public Fault {
 protected:
  /// How long it takes until both workloads have joined, s.
  double until_joined() const {
    const Instant begin = monotonic_now();
    EXPECT_TRUE(eventually([this] { return have_joined({"train", "serve"}); }, kPatience));
    return to_seconds(monotonic_now() - begin);
  }
  std::filesystem::path shim_socket() const {
    const auto gpus = client::gpus_with_daemon(run_dir());
    return client::daemon_files(run_dir(), gpus.at(0)).shim_socket();
  }
  /// Kills the daemon as a crash does; its sockets stay.
  void crash() {
    daemon_->signal(SIGKILL);
    ASSERT_TRUE(daemon_->wait(kPatience));
  }

  /// Both workloads work, without a pause of their own, while `deed` happens.
  void while_both_work(double seconds, const std::function<void()>& deed) {
    Tenant train = start("train", "best-effort", kTrain);
    train.warm();
    Tenant serve = start("serve", "latency-critical", kInfer);
    serve.warm();
    const int window = ++window_;
    serve.send(StartCommand{window, monotonic_now() + std::chrono::milliseconds(30), seconds, 7});
    const Seen seen = during(train, seconds, deed);
    EXPECT_LE(seen.stall_s, kLongestStall_s);
    const Seen served = seen_in(serve.until<DoneMessage>());
    EXPECT_EQ(served.done.checksum_ok, true);
    EXPECT_LE(served.stall_s, kLongestStall_s);
    RecordProperty("train_stall_s", std::to_string(seen.stall_s));
    RecordProperty("serve_stall_s", std::to_string(served.stall_s));
    EXPECT_EQ(train.stop().code, 0);
    EXPECT_EQ(serve.stop().code, 0);
  }
  static constexpr double kJoin_s = 3;  // asked for once a second, and a busy machine
};

TEST_F(Upgrade, AKilledDaemonIsMissedForAMomentOnly) {
  while_both_work(6, [this] {
    crash();
    start_daemon();
    EXPECT_LE(until_joined(), kJoin_s);
  });
}

TEST_F(Upgrade, ADaemonThatHangsHoldsNobodyUpAndGoesOn) {
  while_both_work(6, [this] {
    const auto lease = [this] { return have_joined({"train", "serve"}); };
    ASSERT_TRUE(lease());
    daemon_->signal(SIGSTOP);
    // Longer than a lease and than the watchdog's patience: both act.
    sleep_until(monotonic_now() + std::chrono::milliseconds(2500));
    daemon_->signal(SIGCONT);
    EXPECT_LE(until_joined(), kJoin_s);
  });
}

TEST_F(Upgrade, ADaemonIsReplacedUnderLoad) {
  while_both_work(6, [this] {
    const int former = status()->pid;
    Process old = std::move(*daemon_);
    start_daemon({"--replace"});
    EXPECT_EQ(old.wait(kPatience)->code, 0);
    EXPECT_LE(until_joined(), kJoin_s);
    EXPECT_NE(status()->pid, former);
  });
}

TEST_F(Upgrade, ADaemonOfAnotherVersionIsAskedNowAndThenUntilTheRightOneIsBack) {
  while_both_work(8, [this] {
    const auto socket = shim_socket();
    crash();
    {
      const OtherVersion other(socket);
      EXPECT_TRUE(eventually([&] { return other.refused() >= 4; }, kPatience));
      // Each of the two asks once a second: they are no flood.
      const int before = other.refused();
      sleep_until(monotonic_now() + std::chrono::seconds(1));
      EXPECT_LE(other.refused() - before, 4);
    }
    start_daemon();
    EXPECT_LE(until_joined(), kJoin_s);
  });
}

}  // namespace
}  // namespace corun::fault
