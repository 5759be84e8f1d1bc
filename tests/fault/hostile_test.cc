// A client that means harm: it scribbles over what is shared, floods the sockets and lies. It loses
// its own session at most; the others work on and the daemon stays idle.
#include <sys/wait.h>

#include <random>
#include <thread>

#include "tests/daemon/fake_shim.h"
#include "tests/fault/fault_fixture.h"

namespace corun::fault {
namespace {

using corun::testing::FakeShim;
using corun::testing::join_request;
using wire::WorkloadClass;

/// Of one processor, what the daemon may use while it is attacked.
constexpr double kMostCpu = 0.5;
constexpr double kAttack_s = 2;

class Hostile : public Fault {
 protected:
  std::filesystem::path shim_socket() const { return files().shim_socket(); }
  std::filesystem::path control_socket() const { return files().control_socket(); }
  client::DaemonFiles files() const {
    return client::daemon_files(run_dir(), client::gpus_with_daemon(run_dir()).at(0));
  }

  /// Processor time that the daemon has used so far, s.
  double daemons_cpu_s() const {
    const auto text = read_file("/proc/" + std::to_string(status()->pid) + "/stat");
    std::istringstream fields(text.value().substr(text->rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }

  /// `blow` again and again while a workload works: it must not notice, nor the daemon be busy.
  void attack(const std::function<void()>& blow) {
    Tenant train = start("train", "best-effort", kTrain);
    train.warm();
    const double before = daemons_cpu_s();
    const Instant begin = monotonic_now();
    const Seen seen = during(train, kAttack_s + 1, [&] {
      const Instant end = monotonic_now() + from_seconds(kAttack_s);
      while (monotonic_now() < end) blow();
      EXPECT_TRUE(eventually([this] { return have_joined({"train"}); }, kPatience));
    });
    const double cpu = (daemons_cpu_s() - before) / to_seconds(monotonic_now() - begin);
    EXPECT_LE(cpu, kMostCpu);
    EXPECT_LE(seen.stall_s, kLongestStall_s);
    RecordProperty("daemons_cpu", std::to_string(cpu));
    RecordProperty("stall_s", std::to_string(seen.stall_s));
    EXPECT_EQ(train.stop().code, 0);
  }

  std::mt19937_64 random_{7};
};

TEST_F(Hostile, ScribblingOverItsOwnPageSpoilsItsOwnFiguresOnly) {
  FakeShim scribbler = FakeShim::join(shim_socket(), join_request("scribbler"));
  ASSERT_TRUE(scribbler.welcome());
  attack([&] {
    auto* words = reinterpret_cast<std::atomic<uint64_t>*>(&scribbler.page());
    for (size_t i = 0; i < wire::kPageBytes / sizeof *words; ++i) words[i] = random_();
    sleep_until(monotonic_now() + std::chrono::milliseconds(1));
  });
  const auto now = status();
  ASSERT_TRUE(now);
  for (const auto& workload : now->workloads) {
    const client::Figure* memory = workload.find("memory_bytes");
    ASSERT_NE(memory, nullptr);
    EXPECT_LE(memory->value.value_or(0), static_cast<double>(now->gpu.memory_bytes));
  }
  scribbler.leave();
  EXPECT_TRUE(eventually([this] { return !have_joined({"scribbler"}); }, kPatience));
}

TEST_F(Hostile, AHolderThatScribblesOverItsGateCannotKeepItClosed) {
  FakeShim holder =
      FakeShim::join(shim_socket(), join_request("holder", WorkloadClass::kLatencyCritical));
  ASSERT_TRUE(holder.welcome());
  ASSERT_TRUE(holder.may_write(0));
  attack([&] {
    auto* words = reinterpret_cast<std::atomic<uint32_t>*>(holder.gate(0));
    for (size_t i = 0; i < wire::kPageBytes / sizeof *words; ++i) {
      words[i] = static_cast<uint32_t>(random_());
    }
    sleep_until(monotonic_now() + std::chrono::milliseconds(300));
  });
}

TEST_F(Hostile, GarbageAndAFloodOfJoinsKeepNobodyBusy) {
  attack([this] {
    std::array<uint64_t, 64> packet{};
    for (uint64_t& word : packet) word = random_();
    if (random_() % 2 == 0) {
      const auto request = join_request("flood");
      std::memcpy(packet.data(), &request, 16);  // its head is right
    }
    FakeShim::join_with(shim_socket(), packet.data(), 1 + random_() % sizeof packet);
  });
}

TEST_F(Hostile, AFloodOfConnectionsKeepsNobodyBusy) {
  std::vector<Fd> silent;
  attack([&] {
    auto fd = client::connect_unix(shim_socket(), SOCK_SEQPACKET);
    if (fd && silent.size() < 900) silent.push_back(std::move(fd).value());
  });
}

TEST_F(Hostile, AFloodOfRequestsKeepsNobodyBusy) {
  std::vector<Fd> connections;
  connections.reserve(20);
  for (int i = 0; i < 20; ++i) {
    connections.push_back(client::connect_unix(control_socket(), SOCK_STREAM).value());
  }
  std::string requests;
  while (requests.size() < 8000) requests += "{\"op\":\"status\"}\n";
  attack([&] {
    char answers[64 * 1024];
    for (const Fd& fd : connections) {
      while (recv(fd.get(), answers, sizeof answers, MSG_DONTWAIT) > 0) {
      }
      send(fd.get(), requests.data(), requests.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  });
}

TEST_F(Hostile, ASessionIsWhoTheKernelSaysAndNoOther) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to be somebody else";
  const Tenant train = start("train", "normal", kTrain);
  ASSERT_TRUE(eventually([this] { return have_joined({"train"}); }, kPatience));
  std::filesystem::permissions(folder_.path(), std::filesystem::perms(0711));
  const pid_t liar = fork();
  if (liar == 0) {
    constexpr uid_t kOther = 54321;
    if (setresuid(kOther, kOther, kOther) != 0) _exit(2);
    wire::JoinRequest request = join_request("train");
    request.process_start = 1;  // of another process
    const FakeShim shim = FakeShim::join(shim_socket(), request);
    if (!shim.welcome()) _exit(3);
    pause();
    _exit(0);
  }
  const auto of_other = [this] {
    const auto now = status();
    return now && std::any_of(now->workloads.begin(), now->workloads.end(), [](const auto& one) {
             return one.name == "train" && one.user == 54321 && one.sessions.size() == 1;
           });
  };
  EXPECT_TRUE(eventually(of_other, kPatience)) << "a workload of its own, not of the other user's";
  kill(liar, SIGKILL);
  waitpid(liar, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return !of_other(); }, kPatience));
  EXPECT_TRUE(have_joined({"train"}));
}

}  // namespace
}  // namespace corun::fault
