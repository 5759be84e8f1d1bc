// Processors: which ones we may use, who gets which, and whether a workload had to wait for them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace corun {

/// The processors this process may use.
struct CpuBudget {
  std::vector<std::vector<int>>
      cores;                    ///< CPU numbers by physical core, neighbours beside each other
  std::optional<double> quota;  ///< CPUs that the cgroup allows, where it limits them

  int cpu_count() const;
  std::vector<int> all() const;
};

/// Affinity, core topology and cgroup quota (v2 cpu.max, v1 cpu.cfs_quota_us) of this process.
Result<CpuBudget> available_cpus();
/// The same for these CPUs, from the /proc and /sys below `root`. What cannot be read does not
/// limit: without topology every CPU is a core.
CpuBudget cpu_budget(const std::vector<int>& allowed, const std::filesystem::path& root);

/// Who runs where.
struct CpuPlan {
  std::vector<int> harness;
  std::vector<std::vector<int>> tenants;
  bool pinned = false;  ///< every tenant has CPUs of its own
  std::string note;     ///< one line for the user when it could not be so; else empty
};

/// Equal, disjoint parts for `tenants` workloads and one part for the harness where there are
/// enough processors: whole cores if possible, else single CPUs. With fewer, tenants share all but
/// the harness's CPU (4 CPUs and more) or everything, and the note says so. Where `largest`, of
/// which these are compared with a part, have to share, fewer do too: a workload that was given its
/// place waits in another way (tenant::gpu_wait_flag), and must not do so alone only.
CpuPlan partition_cpus(const CpuBudget& budget, int tenants, int largest = 1);

/// Pins all threads of this process that exist now. Errors: failed.
Status pin_this_process(std::span<const int> cpus);

/// CPU time and run-queue delay of a set of processes at one instant, by thread.
struct CpuSample {
  struct Thread {
    Nanos cpu{0};
    Nanos delay{0};  ///< runnable, but waiting for a processor
  };
  Instant at;
  std::map<pid_t, Thread> threads;
  std::optional<Nanos> system_stall;  ///< PSI "some" total of the machine's processors
};

/// Reads /proc/PID/task/TID/schedstat of all threads of `pids` (those that have ended are left
/// out). Errors (unsupported): the kernel has no schedstat.
Result<CpuSample> sample_cpu(std::span<const pid_t> pids, Instant now);

/// How much a workload waited for processors between two samples.
struct CpuPressure {
  double cpu_share = 0;                      ///< CPU seconds per second, over all threads
  double delay_share = 0;                    ///< seconds of waiting per second, over all threads
  double worst_thread_delay = 0;             ///< the same of the thread that waited most
  std::optional<double> system_stall_share;  ///< PSI: share of time in which some task waited
  bool cpu_bound = false;
};

/// A thread that waits for a processor for more than this share of the window marks the row.
inline constexpr double kCpuBoundDelay = 0.02;

/// Rule: cpu_bound when some thread waited for more than kCpuBoundDelay of the window. One thread
/// decides because the slowest link of a workload (the launching thread, say) sets its pace, and a
/// sum would grow with harmless wake-ups of helper threads.
CpuPressure cpu_pressure(const CpuSample& before, const CpuSample& after);

}  // namespace corun
