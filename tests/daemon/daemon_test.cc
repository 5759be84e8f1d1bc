// corund as a process: joins and ends, bad clients, crashes, restarts, the control socket.
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/json_values.h"
#include "core/process_tree.h"
#include "tests/daemon/daemon_fixture.h"

namespace corun::testing {

namespace {

using wire::WorkloadClass;

bool is_open(wire::GatePage* gate) { return gate->word.load() == wire::kOpen; }

/// Sends `text` to the control socket and returns the first line of the answer; "" at its end.
std::string ask(int fd, const std::string& text) {
  for (size_t at = 0; at < text.size();) {
    const ssize_t n = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (n <= 0) break;
    at += static_cast<size_t>(n);
  }
  std::string line;
  char byte = 0;
  while (recv(fd, &byte, 1, 0) == 1 && byte != '\n') line += byte;
  return line;
}

TEST_F(DaemonTest, AWorkloadJoinsAndLeaves) {
  start();
  FakeShim shim = join("a", WorkloadClass::kBestEffort);
  const auto joined = status().workloads;
  ASSERT_EQ(joined.size(), 1U);
  EXPECT_EQ(joined[0].name, "a");
  EXPECT_EQ(joined[0].service_class, ServiceClass::kBestEffort);
  EXPECT_EQ(joined[0].sessions.at(0).pid, getpid());
  EXPECT_EQ(joined[0].sessions.at(0).session, shim.reply().session);
  shim.leave();
  EXPECT_TRUE(eventually([&] { return status().workloads.empty(); }));
}

TEST_F(DaemonTest, BestEffortWorkWaitsForTheGateOfALatencyCriticalSession) {
  start();
  FakeShim critical = join("lc", WorkloadClass::kLatencyCritical);
  FakeShim effort = join("be", WorkloadClass::kBestEffort);
  const int gate = critical.page().hot.gate;
  ASSERT_GE(gate, 0);
  EXPECT_TRUE(critical.may_write(static_cast<size_t>(gate)));
  EXPECT_FALSE(effort.may_write(static_cast<size_t>(gate)));
  EXPECT_EQ(effort.page().hot.armed & (1U << gate), 1U << gate);
  EXPECT_FALSE(client().trace("be").value().entries.empty());
}

TEST_F(DaemonTest, AKilledWorkloadLeavesItsGateOpen) {
  start({"--max-burst", "60s"});
  FakeShim effort = join("be", WorkloadClass::kBestEffort);
  Child critical = workload("lc", "latency-critical", "close");
  ASSERT_FALSE(is_open(effort.gate(0)));
  critical.kill_now();
  EXPECT_TRUE(eventually([&] { return is_open(effort.gate(0)); }));
  EXPECT_TRUE(eventually([&] { return sessions_of("lc") == 0; }));
}

TEST_F(DaemonTest, AForkedChildDoesNotKeepTheSessionOfItsDeadParent) {
  start();
  Child parent = workload("a", "normal", "fork");
  kill(parent.process->pid(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return sessions_of("a") == 0; }));
}

TEST_F(DaemonTest, AProcessThatEndedBeforeItsReplyHasNoSession) {
  start();
  const pid_t daemon = daemon_->process->pid();
  kill(daemon, SIGSTOP);
  ProcessOptions options;
  const std::string program = CORUN_BINARY_DIR "/tests/fake_shim";
  options.argv = {program, files_.shim_socket().string(), "a", "normal", "vanish"};
  Child child(options);
  EXPECT_TRUE(child.process->wait(kPatience));
  kill(daemon, SIGCONT);
  EXPECT_TRUE(eventually([&] { return child.process->pids().empty(); }));
  EXPECT_EQ(sessions_of("a"), 0U);
}

TEST_F(DaemonTest, AGateThatIsHeldTooLongIsOpenedWhileItsHolderLives) {
  start();
  FakeShim effort = join("be", WorkloadClass::kBestEffort);
  const Child critical = workload("lc", "latency-critical", "close");
  EXPECT_TRUE(eventually([&] { return is_open(effort.gate(0)); }));
  // 1000 ms and what the machine is late
  EXPECT_TRUE(eventually([&] { return has_event("gate-opened", "lc held for 1"); }));
}

TEST_F(DaemonTest, GarbageClosesItsOwnConnectionOnly) {
  start();
  FakeShim good = join("good");
  const std::string garbage(1000, '\xff');
  for (const size_t size : {size_t{1}, size_t{16}, sizeof(wire::JoinRequest), garbage.size()}) {
    const auto bad = FakeShim::join_with(files_.shim_socket(), garbage.data(), size);
    EXPECT_EQ(bad.reply().status, wire::JoinStatus::kRefused);
  }
  EXPECT_EQ(sessions_of("good"), 1U);
  // A session that talks on ends itself.
  FakeShim talker = join("talker");
  ASSERT_GT(send(talker.fd(), "x", 1, MSG_NOSIGNAL), 0);
  EXPECT_TRUE(eventually([&] { return sessions_of("talker") == 0; }));
  EXPECT_EQ(sessions_of("good"), 1U);
}

TEST_F(DaemonTest, AnotherVersionIsToldSo) {
  start();
  wire::JoinRequest request = join_request("a");
  request.version = wire::kWireVersion + 1;
  const FakeShim shim = FakeShim::join(files_.shim_socket(), request);
  EXPECT_EQ(shim.reply().status, wire::JoinStatus::kVersion);
  EXPECT_EQ(shim.reply().version, wire::kWireVersion);
  EXPECT_FALSE(shim.welcome());
  EXPECT_TRUE(has_event("refused", "version 2"));
}

TEST_F(DaemonTest, AThousandSilentConnectionsKeepNobodyOut) {
  start();
  std::vector<Fd> silent;
  for (int i = 0; i < 1000; ++i) {
    auto fd = client::connect_unix(files_.shim_socket(), SOCK_SEQPACKET);
    if (fd) silent.push_back(std::move(fd).value());
  }
  EXPECT_EQ(silent.size(), 1000U);
  const FakeShim shim = join("a");
  EXPECT_TRUE(shim.welcome());
}

TEST_F(DaemonTest, AUsersSessionsAreBounded) {
  start();
  std::vector<FakeShim> shims;
  shims.reserve(256);
  for (int i = 0; i < 256; ++i) shims.push_back(join("a"));
  const FakeShim more = FakeShim::join(files_.shim_socket(), join_request("a"));
  EXPECT_EQ(more.reply().status, wire::JoinStatus::kFull);
}

TEST_F(DaemonTest, ASecondDaemonSaysWhoHoldsTheGpu) {
  start();
  ProcessOptions options = daemon_options({});
  const auto second = run_command(options, kPatience);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->status.code, 1);
  const std::string pid = "pid " + std::to_string(daemon_->process->pid());
  EXPECT_NE(second->err.find(pid), std::string::npos) << second->err;
  EXPECT_EQ(status().pid, daemon_->process->pid());
}

TEST_F(DaemonTest, AnotherVersionIsToldOnceAProcess) {
  start();
  wire::JoinRequest request = join_request("a");
  request.version = wire::kWireVersion + 1;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(FakeShim::join(files_.shim_socket(), request).reply().status,
              wire::JoinStatus::kVersion);
  }
  const auto events = client().events().value().entries;
  EXPECT_EQ(std::count_if(events.begin(), events.end(),
                          [](const auto& event) { return event.kind == "refused"; }),
            1);
}

TEST_F(DaemonTest, AReplacedDaemonEndsProperlyAndTheNewOneKeepsItsSettings) {
  start();
  FakeShim shim = join("a");
  client::SettingsChange settings;
  settings.policy = "fair";
  ASSERT_TRUE(client().change_settings(settings));
  const auto former = std::move(daemon_);
  start({"--replace"});
  EXPECT_EQ(former->process->wait(kPatience)->code, 0);
  EXPECT_EQ(shim.page().orders.leave, wire::kLeave);
  EXPECT_EQ(status().settings.policy, "fair");
  EXPECT_FALSE(has_event("restart", "did not end properly"));
  EXPECT_TRUE(join("a").welcome());
}

TEST_F(DaemonTest, ADaemonThatHangsIsKilledToBeReplaced) {
  start();
  const auto former = std::move(daemon_);
  former->process->signal(SIGSTOP);
  start({"--replace"});
  EXPECT_EQ(former->process->wait(kPatience)->signal, SIGKILL);
  EXPECT_TRUE(has_event("restart", std::to_string(former->process->pid())));
  EXPECT_TRUE(join("a").welcome());
}

TEST_F(DaemonTest, ReplacingNobodyIsAStart) {
  start({"--replace"});
  EXPECT_TRUE(join("a").welcome());
}

TEST_F(DaemonTest, ARestartAfterACrashKeepsWhatOperatorsSet) {
  start();
  FakeShim before = join("a");
  client::WorkloadChange change{.workload = "a"};
  change.weight = 5;
  ASSERT_TRUE(client().set(change));
  client::SettingsChange settings;
  settings.policy = "fair";
  ASSERT_TRUE(client().change_settings(settings));
  daemon_->kill_now();
  start();
  const FakeShim after = join("a");
  EXPECT_EQ(status().workloads.at(0).weight, 5);
  EXPECT_EQ(status().settings.policy, "fair");
  EXPECT_TRUE(has_event("restart", "did not end properly"));
}

TEST_F(DaemonTest, WhenDaemonAndHolderAreKilledTogetherTheWatchdogOpensTheGate) {
  start({"--max-burst", "60s"});
  FakeShim effort = join("be", WorkloadClass::kBestEffort);
  Child critical = workload("lc", "latency-critical", "close");
  ASSERT_FALSE(is_open(effort.gate(0)));
  daemon_->process->signal(SIGKILL);
  critical.process->signal(SIGKILL);
  EXPECT_TRUE(eventually([&] { return is_open(effort.gate(0)); }));
}

TEST_F(DaemonTest, AStoppedDaemonRenewsNoLeaseAndTheWatchdogOpensTheGates) {
  start({"--max-burst", "60s"});
  FakeShim effort = join("be", WorkloadClass::kBestEffort);
  daemon_->process->signal(SIGSTOP);
  const uint64_t lease = effort.page().orders.lease_until_ns;
  FakeShim* shim = &effort;
  EXPECT_TRUE(eventually([&] {
    return static_cast<uint64_t>(monotonic_now().ns) > shim->page().orders.lease_until_ns;
  }));
  EXPECT_LE(shim->page().orders.lease_until_ns, lease + 250'000'000);
  daemon_->process->signal(SIGCONT);
  EXPECT_TRUE(eventually([&] {
    return static_cast<uint64_t>(monotonic_now().ns) < shim->page().orders.lease_until_ns;
  }));
  const Child critical = workload("lc", "latency-critical", "close");
  ASSERT_FALSE(is_open(effort.gate(0)));
  daemon_->process->signal(SIGSTOP);
  EXPECT_TRUE(eventually([&] { return is_open(effort.gate(0)); }));
  daemon_->process->signal(SIGCONT);
}

TEST_F(DaemonTest, AKilledWatchdogIsReplaced) {
  start();
  pid_t watchdog = 0;
  for (const pid_t pid : daemon_->process->pids()) {
    const auto name = read_file("/proc/" + std::to_string(pid) + "/comm");
    if (name && name->starts_with("corund-watchdog")) watchdog = pid;
  }
  ASSERT_GT(watchdog, 0);
  kill(watchdog, SIGKILL);
  EXPECT_TRUE(eventually([&] { return has_event("watchdog", "replaced"); }));
  EXPECT_TRUE(status().watchdog);
}

TEST_F(DaemonTest, AtItsEndEverySessionGetsTheDefaultBack) {
  start();
  FakeShim critical = join("lc", WorkloadClass::kLatencyCritical);
  FakeShim effort = join("be", WorkloadClass::kBestEffort);
  ASSERT_NE(effort.page().hot.armed, 0U);
  daemon_->process->signal(SIGTERM);
  EXPECT_EQ(daemon_->process->wait(kPatience)->code, 0);
  for (FakeShim* shim : {&critical, &effort}) {
    EXPECT_EQ(shim->page().orders.leave, wire::kLeave);
    EXPECT_EQ(shim->page().orders.slice_us, wire::kDefaultSliceUs);
    EXPECT_EQ(shim->page().hot.armed, 0U);
    EXPECT_EQ(shim->page().hot.gate, -1);
  }
  EXPECT_FALSE(std::filesystem::exists(files_.shim_socket()));
  EXPECT_FALSE(std::filesystem::exists(files_.control_socket()));
}

TEST_F(DaemonTest, ShutdownIsAnsweredBeforeTheEnd) {
  start();
  EXPECT_TRUE(client().shutdown());
  EXPECT_EQ(daemon_->process->wait(kPatience)->code, 0);
  const auto none = client::Client::connect_only(run_dir_.path());
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().todo.find("corund --gpu"), std::string::npos);
}

TEST_F(DaemonTest, AnIdleDaemonEndsIfItWasToldTo) {
  start({"--idle-exit=100ms"});
  EXPECT_EQ(daemon_->process->wait(kPatience)->code, 0);
}

TEST_F(DaemonTest, AWrongRequestIsAnsweredAndTheConnectionGoesOn) {
  start();
  const Fd fd = client::connect_unix(files_.control_socket(), SOCK_STREAM).value();
  EXPECT_NE(ask(fd.get(), "nonsense\n").find("not JSON"), std::string::npos);
  EXPECT_NE(ask(fd.get(), "{\"op\":\"dance\"}\n").find("unknown operation"), std::string::npos);
  EXPECT_NE(ask(fd.get(), "{\"op\":\"settings\"}\n").find("\"ok\":true"), std::string::npos);
}

TEST_F(DaemonTest, AnEndlessRequestEndsItsConnection) {
  start();
  const Fd fd = client::connect_unix(files_.control_socket(), SOCK_STREAM).value();
  EXPECT_NE(ask(fd.get(), std::string(200'000, ' ')).find("longer than"), std::string::npos);
  EXPECT_EQ(ask(fd.get(), "{\"op\":\"settings\"}\n"), "");
  EXPECT_TRUE(client().status());
}

TEST_F(DaemonTest, ManyRequestsOfOneWriteAreAnsweredInOrder) {
  start();
  const Fd fd = client::connect_unix(files_.control_socket(), SOCK_STREAM).value();
  EXPECT_NE(ask(fd.get(), "{\"op\":\"trace\"}\n{\"op\":\"settings\"}\n{\"op\":\"nope\"}\n")
                .find("entries"),
            std::string::npos);
  EXPECT_NE(ask(fd.get(), "").find("policy"), std::string::npos);
  EXPECT_NE(ask(fd.get(), "").find("nope"), std::string::npos);
}

TEST_F(DaemonTest, APeerThatReadsNothingDoesNotHoldTheOthersUp) {
  start();
  const Fd deaf = client::connect_unix(files_.control_socket(), SOCK_STREAM).value();
  std::string flood;
  while (flood.size() < 4'000'000) flood += "{\"op\":\"status\"}\n";
  // Until both directions are full.
  while (send(deaf.get(), flood.data(), flood.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  EXPECT_TRUE(client().status());
}

TEST_F(DaemonTest, AWorkloadThatCannotBeParkedRunsOn) {
  start();
  FakeShim shim = join("a", WorkloadClass::kBestEffort);
  const FakeShim critical = join("lc", WorkloadClass::kLatencyCritical);
  shim.page().waits.park_ready = 1;
  const Status parked = client().park("a");
  ASSERT_FALSE(parked) << "a process without GPU state";
  EXPECT_NE(parked.error().what.find("cuCheckpointProcess"), std::string::npos)
      << parked.error().text();
  EXPECT_EQ(status().workloads.at(0).state, "running");
  EXPECT_NE(shim.page().hot.armed, 0U) << "it waits for gates again";
  EXPECT_FALSE(client().park("nobody"));
}

TEST_F(DaemonTest, AProcessWithoutANameMayHaveThatOfItsHostBehindItsPrograms) {
  if (kSanitized) GTEST_SKIP() << "libcorun.so is not preloaded into sanitized programs";
  start();
  const Process notebook = synthetic("notebook", "CORUN_NAME_HOST", "1").value();
  ASSERT_TRUE(eventually([&] { return !status().workloads.empty(); }));
  char host[32] = {};
  gethostname(host, sizeof host - 1);
  EXPECT_EQ(status().workloads.at(0).name, std::string("corun-synthetic@") + host);
}

TEST_F(DaemonTest, AWorkloadIsParkedAndResumed) {
  if (kSanitized) GTEST_SKIP() << "libcorun.so is not preloaded into sanitized programs";
  start();
  const Process train = synthetic("train", "CORUN_NAME", "train").value();
  const auto launches = [&] {
    const client::DaemonStatus now = status();
    return now.workloads.empty() ? 0.0 : now.workloads[0].find("launches")->value.value_or(0);
  };
  ASSERT_TRUE(eventually([&] { return launches() > 0; }));
  const Status parked = client().park("train", true);
  ASSERT_TRUE(parked) << parked.error().text();
  EXPECT_EQ(status().workloads.at(0).state, "parked");
  EXPECT_FALSE(client().park("train")) << "it is parked already";
  const Status resumed = client().resume("train");
  ASSERT_TRUE(resumed) << resumed.error().text();
  EXPECT_EQ(status().workloads.at(0).state, "running");
  const double before = launches();
  EXPECT_TRUE(eventually([&] { return launches() > before; }));
}

TEST_F(DaemonTest, ARunFolderThatOthersMayWriteIsRefused) {
  std::filesystem::permissions(run_dir_.path(), std::filesystem::perms(0777));
  const auto refused = run_command(daemon_options({}), kPatience);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status.code, 1);
  EXPECT_NE(refused->err.find("may be written by other users"), std::string::npos);
}

TEST_F(DaemonTest, ARunFolderThatIsALinkIsRefused) {
  const auto link = run_dir_.path() / "link";
  std::filesystem::create_symlink("/tmp", link);
  ProcessOptions options = daemon_options({});
  std::replace(options.argv.begin(), options.argv.end(), run_dir_.path().string(), link.string());
  const auto refused = run_command(options, kPatience);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status.code, 1);
  EXPECT_NE(refused->err.find("not a folder of this user"), std::string::npos) << refused->err;
}

}  // namespace

}  // namespace corun::testing
