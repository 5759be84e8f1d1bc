// Where the GPU's time went, by workload. Pure: times and readings come as arguments; one thread.
//
// Measured, where the driver tells its context switches (gpu/timeline.h): who held the GPU, how
// long switches took, when nobody held it. Whoever holds it does so between his kernels too, until
// another one has work; how much of the held time was idle is what NVML adds: the share of time in
// which any kernel ran. It is taken off those who held the GPU for longer than the estimates of
// their kernels say (split_idle()). Without the switches there are only these estimates.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "gpu/timeline.h"

namespace corun::daemon {

/// What was held of one stretch of time.
struct HeldWindow {
  struct Holder {
    std::string workload;  ///< key; "": processes that are none of the daemon's
    Nanos held{};
    Nanos estimated{};  ///< of its kernels in this time; 0 where nothing is known
  };
  std::vector<Holder> holders;
  Nanos switching{};
  Nanos nobody{};
  Nanos unknown{};  ///< records were lost
};

struct IdleSplit {
  std::vector<Nanos> busy;  ///< of each holder
  Nanos idle{};             ///< held by nobody, or by somebody who did nothing
};

/// Takes what was idle off the holders. `utilization`: 0..1, the share of the time in which any
/// kernel ran, or nothing if that is not known: then whoever held the GPU was busy.
IdleSplit split_idle(const HeldWindow& window, std::optional<double> utilization);

/// Sums over some time.
struct TimeSums {
  Nanos wall{};       ///< by our clock
  Nanos workloads{};  ///< GPU time of all workloads
  Nanos other{};      ///< of other processes
  Nanos switching{};
  Nanos idle{};
  uint64_t switches = 0;
};
TimeSums operator-(const TimeSums& a, const TimeSums& b);

/// By how much of the wall time the parts are above (or below) it; nothing without wall time. Where
/// workloads run at the same time (`overlap`: MPS), more than the wall time is no error.
std::optional<double> conservation_error(const TimeSums& sums, bool overlap);
inline constexpr double kMostConservationError = 0.02;
inline constexpr Nanos kConservationWindow = std::chrono::seconds(10);

/// The sums as they grow, and how well the last kConservationWindow is conserved.
class Conservation {
 public:
  /// `sums` since the begin, at their present wall time.
  void add(const TimeSums& sums);
  /// Over the window; nothing until there is a whole one.
  std::optional<TimeSums> window() const;

 private:
  std::deque<TimeSums> history_;  ///< the first one is a window old
};

/// One workload's time on the GPU without a pause, or a part of a long one.
struct HeldRun {
  std::string workload;  ///< as in HeldWindow
  uint32_t pid = 0;
  Instant begin;  ///< not before the end of the former one, also while clocks are being learned
  Instant end;
  Nanos held{};  ///< by the GPU's clock
};

/// Attributes pieces of the GPU's time line to workloads.
class HeldTime {
 public:
  /// Runs of process `pid` are this workload's from now on.
  void join(int pid, const std::string& workload);
  /// The process left; what it still does on the GPU is its workload's for a moment.
  void leave(int pid, Instant now);

  /// Takes in what the driver recorded; returns the runs that ended, in order. A run longer than
  /// kLongestPart is returned in parts.
  std::vector<HeldRun> take(const gpu::SwitchBatch& batch);
  /// A process of a workload that holds the GPU although it is gone: `now` is the end of its run.
  std::vector<HeldRun> process_gone(int pid, Instant now);
  /// The workload's process that holds the GPU now, or nothing.
  std::optional<int> holder() const;

  /// What was held since the last call, by holder; without estimates.
  HeldWindow take_window();
  /// Whether a record came, and whether one had the name of a process that joined.
  bool started() const { return timeline_.started(); }
  bool named() const { return named_; }
  uint64_t lost() const { return lost_; }
  uint64_t misfits() const { return timeline_.misfits(); }
  uint64_t switches() const { return switches_; }

  struct Counts {
    uint64_t runs = 0;
    Nanos held{};  ///< all of them together, the present one up to what was recorded
    /// Longest time between two runs that ended in the last kWaitWindow, or up to twice that.
    std::optional<Nanos> longest_wait{};
  };
  Counts counts(const std::string& workload) const;
  /// The workload is forgotten.
  void forget(const std::string& workload);

 private:
  static constexpr Nanos kLongestPart = std::chrono::seconds(1);
  static constexpr Nanos kAfterLeaving = std::chrono::seconds(5);
  static constexpr Nanos kWaitWindow = std::chrono::seconds(10);
  struct Process {
    std::string workload;
    std::optional<Instant> left{};
  };
  struct Waits {
    uint64_t runs = 0;
    Nanos held{};
    std::optional<int64_t> last_end_ns{};
    std::array<Nanos, 2> longest{};  ///< of the last and the present window; 0: none
    int64_t window_end_ns = 0;
  };
  struct Run {
    uint32_t pid = 0;
    std::string workload;
    int64_t begin_ns = 0;
    int64_t end_ns = 0;
  };

  void attribute(const std::vector<gpu::Piece>& pieces, std::vector<HeldRun>& runs);
  void add_run(const gpu::Piece& piece, std::vector<HeldRun>& runs);
  void close_run(std::vector<HeldRun>& runs);
  void count_begin(const std::string& workload, int64_t begin_ns);
  const std::string& workload_of(uint32_t pid);

  gpu::Timeline timeline_;
  std::map<uint32_t, Process> processes_;
  std::map<std::string, Nanos> held_;
  std::map<std::string, Waits> waits_;
  HeldWindow window_;  ///< its holders are in held_
  std::optional<Run> run_;
  Instant told_;  ///< end of the last run that was returned
  bool named_ = false;
  uint64_t lost_ = 0;
  uint64_t switches_ = 0;
};

}  // namespace corun::daemon
