// What NVML tells of the GPU's use (its utilisation and that of its processes, its memory), read
// once a second on a thread of its own: the calls may take long, and the loop must not wait for
// them.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "core/fd.h"
#include "engine/daemon/sharing.h"

namespace corun::daemon {

class Utilization {
 public:
  struct Reading {
    std::map<int, double> by_pid;  ///< utilisation, 0..1
    std::optional<double> of_gpu;  ///< 0..1: share of time in which any kernel ran
    MemoryUse memory;
  };

  /// Nothing is ever told where NVML does not know the GPU; of processes, where this one does not
  /// see the host's PIDs.
  Utilization(std::string gpu_uuid, uint64_t memory_bytes);
  Utilization(const Utilization&) = delete;
  Utilization& operator=(const Utilization&) = delete;
  ~Utilization();

  /// Whether anybody is there to be looked at; without, the thread sleeps.
  void set_wanted(bool wanted);
  /// The last reading.
  Reading take() const;

 private:
  void run();

  const std::string uuid_;
  const uint64_t memory_bytes_;
  Fd wake_;
  std::atomic<bool> wanted_{false};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  Reading reading_;  ///< guarded by mutex_
  std::jthread thread_;
};

}  // namespace corun::daemon
