// A real corund on a simulated GPU, and workloads of fake shims.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/environment.h"
#include "core/files.h"
#include "core/process.h"
#include "core/wait.h"
#include "engine/client/client.h"
#include "tests/daemon/fake_shim.h"

namespace corun::testing {

inline constexpr Nanos kPatience = std::chrono::seconds(30);
inline const std::string kSimgpu = CORUN_BINARY_DIR "/simgpu";

/// A sanitizer's runtime wants to be the first library of a program.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// Waits until `condition` holds; false when it never does.
inline bool eventually(const std::function<bool()>& condition) {
  const Instant give_up = monotonic_now() + kPatience;
  while (!condition()) {
    if (monotonic_now() > give_up) return false;
    sleep_until(monotonic_now() + std::chrono::milliseconds(2));
  }
  return true;
}

/// A child process whose first line a test waits for.
class Child {
 public:
  explicit Child(ProcessOptions options) {
    options.out = Stream::pipe();
    process = std::make_unique<Process>(Process::start(options).value());
  }
  std::string first_line() {
    const Instant give_up = monotonic_now() + kPatience;
    std::string text;
    while (text.find('\n') == std::string::npos && monotonic_now() < give_up) {
      const int fds[] = {process->out_fd()};
      wait_readable(fds, give_up);
      char bytes[256];
      const ssize_t n = read(process->out_fd(), bytes, sizeof bytes);
      if (n == 0) break;
      if (n > 0) text.append(bytes, static_cast<size_t>(n));
    }
    return text.substr(0, text.find('\n'));
  }
  /// SIGKILL, and waits for the end.
  void kill_now() {
    process->signal(SIGKILL);
    EXPECT_TRUE(process->wait(kPatience));
  }
  std::unique_ptr<Process> process;
};

/// One simulated node for all tests of the program.
class Node {
 public:
  static Node& shared() {
    static Node node;
    return node;
  }
  std::map<std::string, std::string> environment() const {
    return {{kEnvDriverDir, kSimgpu}, {kEnvSimNode, folder_.path().string()}};
  }

 private:
  Node() : folder_(TemporaryFolder::create("corun-node-").value()) {
    ProcessOptions options;
    options.argv = {kSimgpu + "/corun-simgpud", "--node", folder_.path().string(), "--ready-fd",
                    "1"};
    server_ = std::make_unique<Child>(options);
    EXPECT_EQ(server_->first_line(), "ready");
  }
  TemporaryFolder folder_;
  std::unique_ptr<Child> server_;
};

class DaemonTest : public ::testing::Test {
 protected:
  DaemonTest() : run_dir_(TemporaryFolder::create("corun-run-").value()) {}

  /// A program that libcorun.so lets join the daemon, with one more variable.
  Result<Process> synthetic(const std::string& kind, const std::string& variable,
                            const std::string& value) const {
    ProcessOptions options;
    options.argv = {CORUN_BINARY_DIR "/bin/corun-synthetic", kind, "--duration", "60s"};
    options.set_env = Node::shared().environment();
    options.set_env["LD_PRELOAD"] = CORUN_BINARY_DIR "/lib/libcorun.so";
    options.set_env["CORUN_RUN_DIR"] = run_dir_.path().string();
    options.set_env[variable] = value;
    options.out = Stream::null();
    options.err = Stream::null();
    return Process::start(options);
  }

  ProcessOptions daemon_options(std::vector<std::string> arguments) const {
    ProcessOptions options;
    options.argv = {CORUN_BINARY_DIR "/bin/corund",
                    "--foreground",
                    "--run-dir",
                    run_dir_.path().string(),
                    "--slices",
                    slices,
                    "--ready-fd",
                    "1"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.set_env = Node::shared().environment();
    if (device_files) options.set_env["LD_PRELOAD"] = kSimgpu + "/libsimdev.so";
    options.err = Stream::file(run_dir_.path() / "log");
    return options;
  }
  void start(const std::vector<std::string>& arguments = {}) {
    daemon_ = std::make_unique<Child>(daemon_options(arguments));
    ASSERT_EQ(daemon_->first_line(), "ready") << log();
    const auto gpus = client::gpus_with_daemon(run_dir_.path());
    ASSERT_EQ(gpus.size(), 1U);
    files_ = client::daemon_files(run_dir_.path(), gpus[0]);
  }
  std::string log() const { return read_file(run_dir_.path() / "log").value_or(""); }
  client::Client client() { return client::Client::connect_only(run_dir_.path()).value(); }
  client::DaemonStatus status() { return client().status().value(); }

  FakeShim join(const std::string& name,
                wire::WorkloadClass cls = wire::WorkloadClass::kNormal) const {
    FakeShim shim = FakeShim::join(files_.shim_socket(), join_request(name, cls));
    EXPECT_TRUE(shim.welcome()) << name;
    return shim;
  }
  /// A workload in a process of its own, which has joined (and closed its gate, ...).
  Child workload(const std::string& name, const std::string& service_class,
                 const std::string& deed = "") const {
    ProcessOptions options;
    options.argv = {CORUN_BINARY_DIR "/tests/fake_shim", files_.shim_socket().string(), name,
                    service_class};
    if (!deed.empty()) options.argv.push_back(deed);
    Child child(options);
    EXPECT_EQ(child.first_line().substr(0, 7), "session");
    return child;
  }
  size_t sessions_of(const std::string& name) {
    for (const auto& workload : status().workloads) {
      if (workload.name == name) return workload.sessions.size();
    }
    return 0;
  }
  bool has_event(const std::string& kind, const std::string& text) {
    const client::Events events = client().events().value();
    for (const auto& event : events.entries) {
      if (event.kind == kind && event.text.find(text) != std::string::npos) return true;
    }
    return false;
  }

  // Of the next start().
  std::string slices = "no";
  bool device_files = false;  ///< it can reach the simulated GPU's

  TemporaryFolder run_dir_;
  std::unique_ptr<Child> daemon_;
  client::DaemonFiles files_;
};

}  // namespace corun::testing
