// The corund of one GPU, asked on a thread of its own: absent, slow, starting or restarted, it
// delays nobody.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "monitoring/readings.h"

namespace corun::monitoring {

/// The run folder of the daemon that governs this GPU, or nothing. Called from any thread.
using DaemonFinder = std::function<std::optional<std::filesystem::path>(const GpuInfo& gpu)>;
/// Looks in CORUN_RUN_DIR, this user's folder and the system's.
std::optional<std::filesystem::path> find_daemon_folder(const GpuInfo& gpu);

class DaemonWatch {
 public:
  /// Asks for the status `hz` times a second, for slices and events less often.
  DaemonWatch(const GpuInfo& gpu, DaemonFinder find, double hz);
  ~DaemonWatch();
  DaemonWatch(const DaemonWatch&) = delete;
  DaemonWatch& operator=(const DaemonWatch&) = delete;

  /// The newest status, and slices and events since the last call; nothing while no daemon
  /// answers. Never waits for it.
  std::optional<DaemonReading> take();
  /// Where the daemon is, while one answers.
  std::optional<std::filesystem::path> folder() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace corun::monitoring
