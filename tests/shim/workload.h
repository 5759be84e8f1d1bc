// A workload process under libcorun.so, driven by commands (app/app_main.cc).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace corun::shim::testing {

class Workload {
 public:
  struct Options {
    std::string program = {};  ///< instead of the tests' own application
    std::string via = "dlsym";
    bool linked = false;
    bool preloaded = true;
    std::string before = {};  ///< another library in front of libcorun.so in LD_PRELOAD
    std::string behind = {};  ///< and behind it
    std::map<std::string, std::string> environment = {};
  };
  explicit Workload(const Options& options);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  /// Sends a command and returns its line; "" when the process died or took 10 s.
  std::string ask(const std::string& command);
  /// Waits for an answer until it fits, for at most 10 s.
  bool becomes(const std::string& command, const std::string& answer);
  int pid() const { return pid_; }

 private:
  int pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

/// Whether a condition becomes true within 10 s.
bool eventually(const std::function<bool()>& condition);

std::string counting_library();

}  // namespace corun::shim::testing
