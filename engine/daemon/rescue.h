// Processes that would stay away from the GPU for ever if the daemon died now: known to the
// watchdog, which leaves them to a helper (`corun-park rescue`) that brings them back.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"

namespace corun::daemon {

/// Memory that daemon and watchdog share; the daemon writes.
class Rescue {
 public:
  static constexpr size_t kMostProcesses = 128;
  struct Entry {
    pid_t pid = 0;
    uint64_t start_ticks = 0;  ///< tells the process from another one with its PID
    uint64_t bytes = 0;        ///< that have to come back to the GPU
  };

  /// Before the watchdog is forked. Errors (failed): no memory.
  static Result<Rescue> create();
  Rescue(Rescue&& other) noexcept;
  Rescue(const Rescue&) = delete;
  Rescue& operator=(const Rescue&) = delete;
  Rescue& operator=(Rescue&&) = delete;
  ~Rescue();

  /// The helper, the GPU, and the socket of the daemon that may take over.
  void set_place(const std::filesystem::path& program, const std::string& gpu_uuid,
                 const std::filesystem::path& control_socket);
  /// Those that are away now; beyond kMostProcesses they are not rescued.
  void set(std::span<const Entry> entries);
  std::vector<Entry> entries() const;

  /// In the watchdog, after the daemon's death: starts the helper, once, if anybody is away. Makes
  /// system calls only.
  void start_helper() const;

 private:
  struct Memory;
  explicit Rescue(Memory* memory) : memory_(memory) {}

  Memory* memory_;
};

}  // namespace corun::daemon
