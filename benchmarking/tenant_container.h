// The container of a tenant whose command runs one ("docker run ..."): which processes are its, and
// its end. Containers of engines with a daemon are no descendants of the command.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"

namespace corun::benchmarking {

class TenantContainer {
 public:
  /// `engine`: the command in front of "run" ("podman --root DIR"), and what is set in its
  /// environment. `id_file`: where it writes the container's id (--cidfile).
  TenantContainer(std::vector<std::string> engine, std::map<std::string, std::string> env,
                  std::filesystem::path id_file)
      : engine_(std::move(engine)), env_(std::move(env)), id_file_(std::move(id_file)) {}

  /// PIDs of its processes; none before it has started and after it has ended.
  std::vector<pid_t> pids();
  /// Has the engine kill it if it still runs; whether it did. Errors are logged: the container is
  /// left then.
  bool kill(Nanos patience);

 private:
  /// The process that keeps it (conmon, a shim of containerd), or nothing.
  std::optional<pid_t> keeper();

  std::vector<std::string> engine_;
  std::map<std::string, std::string> env_;
  std::filesystem::path id_file_;
  std::string id_;    ///< "" until the engine has written it
  pid_t keeper_ = 0;  ///< when it was looked at last
};

}  // namespace corun::benchmarking
