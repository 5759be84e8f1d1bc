// A simulated node for a test: server process, folder, and clients in processes of their own.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>

#include "core/files.h"
#include "core/process.h"
#include "tests/simgpu_node/number.h"

namespace corun::simgpu::testing {

inline constexpr Nanos kPatience = std::chrono::seconds(20);

/// A child process whose lines a test reads one by one.
class Lines {
 public:
  explicit Lines(ProcessOptions options) {
    options.out = Stream::pipe();
    auto started = Process::start(options);
    EXPECT_TRUE(started) << (started ? "" : started.error().text());
    if (started) process_ = std::make_unique<Process>(std::move(started).value());
  }
  /// The next line, or "" when the process ends or is silent for too long.
  std::string next() {
    const Instant deadline = monotonic_now() + kPatience;
    while (buffer_.find('\n') == std::string::npos && monotonic_now() < deadline) {
      pollfd item{process_->out_fd(), POLLIN, 0};
      poll(&item, 1, 100);
      char bytes[4096];
      const ssize_t n = read(process_->out_fd(), bytes, sizeof bytes);
      if (n == 0) break;
      if (n > 0) buffer_.append(bytes, static_cast<size_t>(n));
    }
    const size_t end = buffer_.find('\n');
    if (end == std::string::npos) return std::exchange(buffer_, "");
    const std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return line;
  }
  Process& process() { return *process_; }

 private:
  std::unique_ptr<Process> process_;
  std::string buffer_;
};

class SimulatedNode {
 public:
  explicit SimulatedNode(std::vector<std::string> extra = {}) {
    auto folder = TemporaryFolder::create("corun-test-node-");
    EXPECT_TRUE(folder);
    folder_ = std::make_unique<TemporaryFolder>(std::move(folder).value());
    ProcessOptions options;
    options.argv = {program("corun-simgpud"),
                    "--node",
                    path(),
                    "--costs",
                    std::string(CORUN_SOURCE_DIR) + "/tests/simgpu_node/client",
                    "--ready-fd",
                    "1"};
    options.argv.insert(options.argv.end(), extra.begin(), extra.end());
    server_ = std::make_unique<Lines>(std::move(options));
    EXPECT_EQ(server_->next(), "ready");
  }

  std::string path() const { return folder_->path().string(); }
  Process& server() { return server_->process(); }
  static std::string program(const std::string& name) {
    return std::string(CORUN_BINARY_DIR) + "/simgpu/" + name;
  }
  std::map<std::string, std::string> environment() const {
    return {{"CORUN_SIM_NODE", path()},
            {"CUDA_MPS_PIPE_DIRECTORY", path()},
            {"LD_LIBRARY_PATH", std::string(CORUN_BINARY_DIR) + "/simgpu"}};
  }
  /// The test's client program with these arguments, on this node.
  Lines client(std::vector<std::string> arguments,
               const std::map<std::string, std::string>& environment = {}) const {
    ProcessOptions options;
    options.argv = {std::string(CORUN_BINARY_DIR) + "/tests/simgpu_client"};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    options.set_env = this->environment();
    for (const auto& [name, value] : environment) options.set_env[name] = value;
    return Lines(std::move(options));
  }

 private:
  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<Lines> server_;
};

}  // namespace corun::simgpu::testing
