// Reads the driver's record of context switches on a thread of its own: a reading takes as long as
// others hold the kernel module's locks (the making of a context, say), and the loop must not wait.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/fd.h"
#include "core/result.h"
#include "gpu/switch_buffer.h"

namespace corun::daemon {

class SwitchReader {
 public:
  /// Ten readings a second while workloads are there, one else.
  explicit SwitchReader(gpu::SwitchBuffer buffer);
  SwitchReader(const SwitchReader&) = delete;
  SwitchReader& operator=(const SwitchReader&) = delete;
  ~SwitchReader();

  void set_wanted(bool wanted);
  /// The readings since the last call, in order. After an error there are no more.
  Result<std::vector<gpu::SwitchBatch>> take();

 private:
  void run();
  void keep(gpu::SwitchBatch batch);

  gpu::SwitchBuffer buffer_;
  Fd wake_;
  std::atomic<bool> wanted_{false};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<gpu::SwitchBatch> batches_;  ///< guarded by mutex_
  size_t records_ = 0;                     ///< guarded by mutex_: in batches_
  std::optional<Error> error_;             ///< guarded by mutex_
  std::jthread thread_;
};

}  // namespace corun::daemon
