// A simulated node and workloads on it, as the harness runs them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/environment.h"
#include "core/files.h"
#include "core/process.h"
#include "core/row_channel.h"
#include "core/wait.h"

namespace corun::synthetic {

/// Long enough for any step on a busy machine.
constexpr Nanos kPatience = std::chrono::seconds(60);

inline const std::string kSimgpu = CORUN_BINARY_DIR "/simgpu";
inline const std::string kProgram = CORUN_BINARY_DIR "/bin/corun-synthetic";

/// A running corun-simgpud, ready for clients.
class SimulatedNode {
 public:
  explicit SimulatedNode(const std::vector<std::string>& more = {})
      : folder_(TemporaryFolder::create("corun-node-").value()) {
    ProcessOptions options;
    options.argv = {kSimgpu + "/corun-simgpud", "--node", folder_.path().string()};
    options.argv.insert(options.argv.end(), more.begin(), more.end());
    server_ = Process::start(options).value();
    const Instant give_up = monotonic_now() + kPatience;
    while (!std::filesystem::exists(folder_.path() / "ready") && monotonic_now() < give_up) {
      if (server_->poll()) break;
      sleep_until(monotonic_now() + std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(std::filesystem::exists(folder_.path() / "ready"));
  }
  std::map<std::string, std::string> environment() const {
    return {{kEnvDriverDir, kSimgpu}, {kEnvSimNode, folder_.path().string()}};
  }

 private:
  TemporaryFolder folder_;
  std::optional<Process> server_;
};

/// corun-synthetic under the row protocol.
class Tenant {
 public:
  Tenant(const std::vector<std::string>& arguments, std::map<std::string, std::string> environment)
      : folder_(TemporaryFolder::create("corun-rows-").value()),
        channel_(RowChannel::create(folder_.path(), "tenant", monotonic_now()).value()) {
    ProcessOptions options;
    options.argv = {kProgram};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.set_env = std::move(environment);
    options.set_env.merge(channel_.environment());
    options.err = Stream::pipe();
    process_ = Process::start(options).value();
  }

  void send(const Command& command) { EXPECT_TRUE(channel_.send(command)); }

  /// All messages up to the first `Wanted`, which is the last one; fewer when it never comes.
  template <typename Wanted>
  std::vector<Message> until() {
    std::vector<Message> all;
    const Instant give_up = monotonic_now() + kPatience;
    while (monotonic_now() < give_up) {
      const bool ended = process_->poll().has_value();
      auto read = channel_.read(monotonic_now());
      EXPECT_TRUE(read) << read.error().text();
      if (!read) break;
      for (const Message& message : *read) {
        all.push_back(message);
        if (std::holds_alternative<Wanted>(message)) return all;
      }
      if (ended && read->empty()) break;
      const int fds[] = {channel_.fd(), process_->event_fd()};
      wait_readable(fds, monotonic_now() + std::chrono::milliseconds(100));
    }
    ADD_FAILURE() << "the expected message never came";
    return all;
  }

  ReadyMessage warm() {
    send(WarmCommand{.max_s = to_seconds(kPatience) / 2, .window_s = 0.1});
    const std::vector<Message> messages = until<ReadyMessage>();
    return messages.empty() ? ReadyMessage{} : std::get<ReadyMessage>(messages.back());
  }
  /// Runs a window that starts soon; gives all its messages, the last of which is `done`.
  std::vector<Message> window(int id, double seconds, uint64_t seed = 7) {
    send(StartCommand{id, monotonic_now() + std::chrono::milliseconds(30), seconds, seed});
    return until<DoneMessage>();
  }
  ExitStatus stop() {
    send(StopCommand{});
    return wait();
  }
  ExitStatus wait() { return process_->wait(kPatience).value_or(ExitStatus{}); }
  pid_t pid() const { return process_->pid(); }
  void close_control() { channel_.close_control(); }

 private:
  TemporaryFolder folder_;
  RowChannel channel_;
  std::optional<Process> process_;
};

template <typename T>
std::vector<T> only(const std::vector<Message>& messages) {
  std::vector<T> found;
  for (const Message& message : messages) {
    if (const T* one = std::get_if<T>(&message)) found.push_back(*one);
  }
  return found;
}

/// The `done` line, or an empty one.
inline DoneMessage done_in(const std::vector<Message>& messages) {
  const std::vector<DoneMessage> done = only<DoneMessage>(messages);
  return done.empty() ? DoneMessage{} : done.back();
}

}  // namespace corun::synthetic
