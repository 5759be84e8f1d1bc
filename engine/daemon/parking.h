// Parking of workloads, each in a helper process of its own (corun-park): the driver's calls take
// seconds, and the loop must not wait for them.
//
// A workload that is to be parked is announced first: its calls are held in its processes' shims,
// and each of them says when no call is inside of the driver that would not survive. Then the
// helper starts. Protocol and states: docs/adr/0007-parking-protocol.md.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/process.h"
#include "engine/daemon/control.h"
#include "engine/daemon/poller.h"
#include "engine/daemon/rescue.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

/// What is known of this node that speaks for or against parking.
struct ParkingFacts {
  std::filesystem::path program;  ///< corun-park
  std::string gpu_uuid;
  std::string driver;  ///< version, e.g. "580.159.04"
  bool mps = false;
  bool mig = false;
};

/// Nothing, or why no process can be parked here (kind: unsupported).
Status can_park(const ParkingFacts& facts);
/// Whether processes that share memory with others can be parked.
bool parks_shared_memory(const ParkingFacts& facts);

class Parking final : public Parker {
 public:
  /// All must outlive it.
  Parking(Poller& poller, Sharing& sharing, Rescue& rescue, ParkingFacts facts);
  /// Waits for helpers that are at work: a process must not stay locked.
  ~Parking() override;

  void park(const std::string& key, bool until_resume, std::function<void(Status)> done) override;
  void resume(const std::string& key, std::function<void(Status)> done) override;
  /// Takes up what the policy ordered, and goes on with what was announced. Returns when it wants
  /// to be called next, if at all.
  std::optional<Instant> advance(Instant now);
  /// Resumes all that are parked, before the daemon ends; waits for it. What does not fit is left
  /// to the rescue.
  void resume_all();

 private:
  struct Job {
    bool park = true;
    bool until_resume = false;
    bool only_if_idle = false;  ///< given up when it uses the GPU before it is locked
    std::string why{};          ///< where an operator asked for it
    std::function<void(Status)> done{};
    Instant began{};
    uint64_t held_before = 0;  ///< calls
    uint64_t bytes = 0;
    // Once the helper runs:
    std::optional<Process> process{};
    Poller::Token token = 0;
    std::string said{};     ///< on standard error
    bool half_way = false;  ///< it was killed
  };

  Status check(const std::string& key, bool park) const;
  void carry_out(const ParkOrder& order, std::function<void(Status)> done, Instant now);
  void announce(const std::string& key, Job job, Instant now);
  void bring_back(const std::string& key, Job job, Instant now);
  void start_helper(const std::string& key, Job& job, Instant now);
  void look_at_announced(const std::string& key, Instant now);
  void on_event(const std::string& key);
  void end(const std::string& key, const Status& result, bool busy, Instant now);
  uint64_t held_calls(const std::string& key) const;
  void tell_rescue();

  Poller& poller_;
  Sharing& sharing_;
  Rescue& rescue_;
  ParkingFacts facts_;
  std::map<std::string, Job> jobs_;
};

}  // namespace corun::daemon
