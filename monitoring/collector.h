// Reads a node some times a second and puts up what it found.
//
// Three kinds of threads: one for each GPU (gpu_watch.h) and one for each GPU's daemon
// (daemon_watch.h), which may wait for what they ask, and one that goes round at the collector's
// rate, takes what those have, and never waits for anything but the time.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gpu/nvml.h"
#include "monitoring/board.h"
#include "monitoring/daemon_watch.h"

namespace corun::monitoring {

struct CollectorOptions {
  double hz = 10;  ///< 1..50
  std::string version;
  uint64_t first_event = 1;  ///< number of the first event
  DaemonFinder find_daemon = find_daemon_folder;
  std::vector<std::filesystem::path> engine_sockets = default_engine_sockets();
  std::filesystem::path proc = "/proc";
};

class Collector {
 public:
  /// `board` outlives it.
  static std::unique_ptr<Collector> start(const std::shared_ptr<const gpu::Nvml>& nvml,
                                          const std::vector<GpuInfo>& gpus,
                                          CollectorOptions options, Board& board);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  /// The run folder of the daemon that governs this GPU, while one answers.
  std::optional<std::filesystem::path> daemon_folder(const std::string& gpu_uuid) const;
  /// Wall time of the last cycle, without what its listeners did.
  Nanos last_cycle() const;

 private:
  struct State;
  explicit Collector(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace corun::monitoring
