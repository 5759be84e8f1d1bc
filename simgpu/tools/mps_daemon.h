// The stand-in for NVIDIA's MPS control daemon on a simulated node: it registers its pipe folder
// with the node's server, starts a server process when the first client comes, and answers the
// commands that nvidia-cuda-mps-control sends it. The commands: docs/mps-control.md.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/fd.h"
#include "core/result.h"
#include "simgpu/client/connection.h"

namespace corun::simgpu {

struct MpsFolders {
  std::string pipe;
  std::string log;
};
/// From CUDA_MPS_PIPE_DIRECTORY and CUDA_MPS_LOG_DIRECTORY, or MPS's defaults.
MpsFolders mps_folders();

class MpsDaemon final {
 public:
  /// Registers and listens on PIPE/control. Errors: no node, no folder, another daemon there.
  static Result<MpsDaemon> start(const MpsFolders& folders);
  /// Serves commands until `quit`, a signal or the node's end.
  void run();

 private:
  MpsDaemon(MpsFolders folders, Connection connection, Fd listener, Fd signals);
  void handle_control();
  std::string execute(const std::string& line);
  std::string execute_setting(const std::vector<std::string>& words);
  std::string list_clients(const std::string& server) const;
  std::string list_processes();
  void start_server();
  void reap();
  void send_defaults();
  void log(const std::string& line) const;
  std::vector<wire::MpsClientEntry> clients();
  bool over();

  MpsFolders folders_;
  Connection connection_;
  Fd listener_;
  Fd signals_;
  int server_pid_ = 0;
  uint32_t thread_percentage_ = 100;
  std::array<uint64_t, wire::kMaxGpus> memory_limit_{};
  std::optional<Instant> quit_by_;
  bool node_gone_ = false;
};

/// The MPS server process: registers and lives until its daemon or the node goes.
int run_mps_server(const MpsFolders& folders);

/// Sends one command to the daemon of PIPE. Errors: no daemon there.
Result<std::string> ask_mps_daemon(const std::string& pipe, const std::string& command);

}  // namespace corun::simgpu
