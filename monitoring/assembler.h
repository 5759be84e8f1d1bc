// Readings in, snapshots out: the collector's core, without clocks, threads and drivers.
//
// It keeps what a single cycle does not tell: readings that are made less often than a cycle,
// counters for rates, which mode and which errors there were before (a change is an event), and
// states that last (a wait, a parking) as blocks of the time-slice chart.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "monitoring/clock_map.h"
#include "monitoring/rate.h"
#include "monitoring/readings.h"

namespace corun::monitoring {

class Assembler {
 public:
  /// `first_event`: the number of its first event.
  explicit Assembler(Node node, uint64_t first_event = 1)
      : node_(std::move(node)), next_event_(first_event) {}

  News assemble(const Readings& readings);

 private:
  /// The newest readings of a GPU, each as long as it is fresh.
  struct GpuState {
    GpuSnapshot newest;
    Instant fast_at, slow_at, rare_at;
    std::string compute_mode;
    std::optional<LastXid> last_xid;
    std::string mode;
    std::optional<std::string> error;
    std::optional<std::string> busiest;  ///< whose run or turn ended last
    double busiest_end = 0;
    int daemon_pid = 0;
  };
  /// A state that lasts, not yet (wholly) told as blocks.
  struct Lasting {
    std::string what;
    double begin = 0;
    double seen = 0;
  };
  struct WorkloadState {
    Rate gpu, wait, launches, switches;
    Instant status_at;
    std::optional<Lasting> lasting;
  };

  void merge(const GpuReading& reading, GpuState& state) const;
  void drop_stale(Instant now, GpuState& state) const;
  Gpu gpu_of(const GpuReading& reading, const Readings& all, GpuState& state);
  void add_processes(const Readings& all, const GpuState& state, Gpu& gpu) const;
  void name_containers(const Readings& all);
  void add_daemon(const DaemonReading& reading, GpuState& state);
  void add_workload(const DaemonReading& reading, const client::WorkloadStatus& status,
                    const GpuState& gpu);
  void add_blocks(const DaemonReading& reading, GpuState& state);
  void add_lasting(const Workload& workload, std::string what, WorkloadState& state);
  void tell(Event event);
  void tell_changes(const Gpu& gpu, GpuState& state);

  Node node_;
  ClockMap clock_;
  std::map<std::string, GpuState> gpus_;
  std::map<std::pair<std::string, std::string>, WorkloadState> workloads_;  ///< GPU, id
  std::vector<std::string> errors_before_;
  uint64_t next_event_;
  // Of the cycle at hand.
  Instant now_;
  double at_ = 0;
  Snapshot snapshot_;
  std::vector<SliceBlock> blocks_;
  std::vector<Event> events_;
};

/// NVML's bits by name: "sw-power-cap", "hw-thermal".
std::vector<std::string> throttle_names(uint64_t bits);
/// How a GPU is shared: "managed", "managed-mps", "mig", "mps", or its compute mode.
std::string mode_of(const Gpu& gpu, const std::string& compute_mode);

}  // namespace corun::monitoring
