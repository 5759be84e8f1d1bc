// NVML's utilisation of processes, read once a second on a thread of its own: the call may take
// long, and the loop must not wait for it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/fd.h"

namespace corun::daemon {

class Utilization {
 public:
  /// Nothing is ever told where NVML does not know the GPU or this process does not see the host's
  /// PIDs.
  Utilization(std::string gpu_uuid, uint64_t memory_bytes);
  Utilization(const Utilization&) = delete;
  Utilization& operator=(const Utilization&) = delete;
  ~Utilization();

  /// Whether anybody is there to be looked at; without, the thread sleeps.
  void set_wanted(bool wanted);
  /// 0..1 by PID, as of the last reading.
  std::map<int, double> take() const;

 private:
  void run();

  const std::string uuid_;
  const uint64_t memory_bytes_;
  Fd wake_;
  std::atomic<bool> wanted_{false};
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::map<int, double> by_pid_;  ///< guarded by mutex_
  std::jthread thread_;
};

}  // namespace corun::daemon
