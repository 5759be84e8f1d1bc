// One daemon per GPU and run directory: a file lock, held as long as the daemon lives.
#pragma once

#include <filesystem>
#include <string>

#include "core/fd.h"
#include "core/result.h"

namespace corun::daemon {

class DaemonLock {
 public:
  /// Takes the lock and writes down who has it. Errors (failed): another process has it, named
  /// ("pid 12, user 1000").
  static Result<DaemonLock> take(const std::filesystem::path& path, const std::string& gpu_uuid);
  DaemonLock(DaemonLock&&) = default;
  DaemonLock& operator=(DaemonLock&&) = default;
  DaemonLock(const DaemonLock&) = delete;
  DaemonLock& operator=(const DaemonLock&) = delete;
  /// The file is empty after a proper end.
  ~DaemonLock();

  /// Who had the lock before and did not end properly, as it wrote; "" if nobody.
  const std::string& crashed() const { return crashed_; }

 private:
  DaemonLock(Fd fd, std::string crashed) : fd_(std::move(fd)), crashed_(std::move(crashed)) {}

  Fd fd_;
  std::string crashed_;
};

/// Makes the daemon that holds the lock end, so that it can be taken: asks it, and kills it if it
/// does not answer. Nothing happens if nobody holds it. Errors (failed): it does not go.
Status end_lock_holder(const std::filesystem::path& run_dir, const std::string& gpu_uuid);

}  // namespace corun::daemon
