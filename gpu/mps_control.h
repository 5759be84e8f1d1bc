// NVIDIA's MPS control daemon, through its own program. What is asked of it, and what it is
// expected to answer: docs/mps-control.md.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/process.h"
#include "core/result.h"

namespace corun::gpu {

inline constexpr char kEnvMpsPipe[] = "CUDA_MPS_PIPE_DIRECTORY";
inline constexpr char kEnvMpsLog[] = "CUDA_MPS_LOG_DIRECTORY";
inline constexpr char kEnvMpsThreads[] = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE";
inline constexpr char kEnvMpsMemory[] = "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT";
inline constexpr char kEnvMpsPriority[] = "CUDA_MPS_CLIENT_PRIORITY";

struct MpsClient {
  pid_t server = 0;
  pid_t pid = 0;
  bool operator==(const MpsClient&) const = default;
};

/// PIDs of a reply with one PID a line; lines that do not begin with a number are skipped.
std::vector<pid_t> parse_pids(std::string_view reply);
/// Clients of a `ps` reply (PID ID SERVER DEVICE NAMESPACE COMMAND); lines that do not begin with a
/// PID are skipped, a server column that is no number gives server 0.
std::vector<MpsClient> parse_ps(std::string_view reply);

class MpsControl {
 public:
  /// The control program of this node: in CORUN_DRIVER_DIR if that is set, else in PATH, else where
  /// drivers put it. Errors (unsupported): there is none.
  static Result<std::filesystem::path> find();

  /// Speaks to the daemon of the folder `pipe`, which need not run yet.
  MpsControl(std::filesystem::path program, std::filesystem::path pipe, std::filesystem::path log);

  /// Starts a daemon and waits until it answers, at most `patience`. Both folders must exist. The
  /// Process owns the daemon and its servers: they end with it. `env` is added to the daemon's
  /// environment. Errors (failed): it ended or does not answer, with what it said.
  Result<Process> start_daemon(const std::map<std::string, std::string>& env, Nanos patience) const;

  /// Nothing when the daemon answers. Errors (failed): it is dead or hangs.
  Status alive() const;
  /// Everybody who is connected. Errors (failed): the daemon does not answer.
  Result<std::vector<MpsClient>> clients() const;
  /// Ends a client's contexts without upsetting its server.
  Status terminate_client(const MpsClient& client) const;
  /// Ends servers and daemon, by force after `patience`.
  Status quit(Nanos patience) const;

 private:
  Result<std::string> ask(const std::string& command, Nanos patience) const;
  ProcessOptions options() const;

  std::filesystem::path program_;
  std::filesystem::path pipe_;
  std::filesystem::path log_;
};

}  // namespace corun::gpu
