// Where a daemon's files are: <run dir>/<GPU UUID>/{lock,shim.sock,control.sock,state.json}.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/fd.h"
#include "core/result.h"

namespace corun::client {

/// Of the daemon of root, which serves all users.
inline constexpr char kSystemRunDir[] = "/run/corun";

/// $CORUN_RUN_DIR, else /run/corun for root, else $XDG_RUNTIME_DIR/corun, else /tmp/corun-UID.
std::filesystem::path default_run_dir();

/// Makes the run folder if it is not there: mode 0755 for root (workloads of all users connect),
/// else 0700. Errors (failed): it is a link, belongs to somebody else, or others may write to it.
Status make_run_dir(const std::filesystem::path& run_dir);

/// The files of one GPU's daemon.
struct DaemonFiles {
  std::filesystem::path folder;
  std::filesystem::path lock() const { return folder / "lock"; }
  std::filesystem::path shim_socket() const { return folder / "shim.sock"; }
  std::filesystem::path control_socket() const { return folder / "control.sock"; }
  std::filesystem::path state() const { return folder / "state.json"; }
};
DaemonFiles daemon_files(const std::filesystem::path& run_dir, const std::string& gpu_uuid);

/// UUIDs of the GPUs that have a folder with a control socket below `run_dir`, sorted. A daemon
/// that was killed leaves its socket: connecting tells.
std::vector<std::string> gpus_with_daemon(const std::filesystem::path& run_dir);

/// Connects to a UNIX socket, of whatever path length (SOCK_CLOEXEC, blocking; a second at most to
/// connect and for each send). `type` is SOCK_STREAM or SOCK_SEQPACKET; with SOCK_NONBLOCK nothing
/// waits. Errors (failed): nobody listens there, or it takes no more.
Result<Fd> connect_unix(const std::filesystem::path& path, int type);
/// Binds and listens (SOCK_CLOEXEC, SOCK_NONBLOCK), replacing a socket that a dead daemon left.
/// `mode`: permissions of the socket file.
Result<Fd> listen_unix(const std::filesystem::path& path, int type, unsigned mode);

}  // namespace corun::client
