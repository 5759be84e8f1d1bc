// Parking of workloads, each in a helper process of its own (corun-park): the driver's calls take
// seconds, and the loop must not wait for them.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "core/process.h"
#include "engine/daemon/control.h"
#include "engine/daemon/poller.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

/// What is known of this node that speaks against parking.
struct ParkingFacts {
  std::filesystem::path program;  ///< corun-park
  std::string driver;             ///< version, e.g. "580.159.04"
  bool mps = false;
  bool mig = false;
};

class Parking final : public Parker {
 public:
  /// `poller` and `sharing` must outlive it.
  Parking(Poller& poller, Sharing& sharing, ParkingFacts facts);
  /// Waits for helpers that are at work: a process must not stay locked.
  ~Parking() override;

  void start(const std::string& key, bool park, std::function<void(Status)> done) override;
  /// Resumes all that are parked, before the daemon ends; waits for it.
  void resume_all();

 private:
  struct Job {
    Process process;
    bool park;
    Poller::Token token;
    std::string said;  ///< on standard error
    std::function<void(Status)> done;
  };

  Status check(const std::string& key, bool park) const;
  Result<Process> helper(const std::string& key, bool park) const;
  void on_event(const std::string& key);
  void finish(const std::string& key, Job& job, const ExitStatus& status);

  Poller& poller_;
  Sharing& sharing_;
  ParkingFacts facts_;
  std::map<std::string, Job> jobs_;
};

}  // namespace corun::daemon
