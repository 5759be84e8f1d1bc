#include "engine/client/run_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/environment.h"
#include "core/wire/join.h"

namespace corun::client {

namespace fs = std::filesystem;

namespace {

constexpr int kBacklog = 512;

Error system_error(const std::string& what) { return failed(what + ": " + std::strerror(errno)); }

struct Address {
  Fd folder;  ///< open while the address is used
  sockaddr_un address{};
};

/// The address of a socket through its folder's descriptor: a UNIX address holds 107 bytes only.
Result<Address> address_of(const fs::path& path) {
  Address result;
  result.folder = Fd(open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!result.folder) return system_error("cannot use the folder " + path.parent_path().string());
  const std::string text =
      fmt::format("/proc/self/fd/{}/{}", result.folder.get(), path.filename().string());
  if (text.size() >= sizeof result.address.sun_path) {
    return failed("the name of the socket " + path.string() + " is too long");
  }
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path, text.c_str(), text.size() + 1);
  return result;
}

const sockaddr* raw(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.address);
}

}  // namespace

fs::path default_run_dir() {
  if (const auto dir = environment(wire::kEnvRunDir)) return *dir;
  if (geteuid() == 0) return kSystemRunDir;
  if (const auto xdg = environment("XDG_RUNTIME_DIR")) return fs::path(*xdg) / "corun";
  return fmt::format("/tmp/corun-{}", geteuid());
}

Status make_run_dir(const fs::path& run_dir) {
  const mode_t mode = geteuid() == 0 ? 0755 : 0700;
  const bool made = mkdir(run_dir.c_str(), mode) == 0;
  if (!made && errno != EEXIST) return system_error("cannot make " + run_dir.string());
  struct stat info = {};
  if (lstat(run_dir.c_str(), &info) != 0) return system_error("cannot use " + run_dir.string());
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid()) {
    return failed(run_dir.string() + " is not a folder of this user",
                  "remove it, or choose another with --run-dir or CORUN_RUN_DIR");
  }
  if ((info.st_mode & 0022) != 0) {
    return failed(run_dir.string() + " may be written by other users",
                  "chmod it, or choose another with --run-dir or CORUN_RUN_DIR");
  }
  // The mask of the process may have narrowed it; what others made narrower on purpose stays.
  if (made && chmod(run_dir.c_str(), mode) != 0) {
    return system_error("cannot set the mode of " + run_dir.string());
  }
  return {};
}

DaemonFiles daemon_files(const fs::path& run_dir, const std::string& gpu_uuid) {
  return {run_dir / gpu_uuid};
}

std::vector<std::string> gpus_with_daemon(const fs::path& run_dir) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(run_dir, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const std::string name = it->path().filename().string();
    if (fs::exists(daemon_files(run_dir, name).control_socket(), ignored)) found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<Fd> connect_unix(const fs::path& path, int type) {
  CORUN_ASSIGN(const Address address, address_of(path));
  Fd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("cannot make a socket");
  // Of connecting (a listener that is stopped and has many waiting) and of each sending.
  const timeval patience{.tv_sec = 1, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (connect(fd.get(), raw(address), sizeof address.address) != 0) {
    return system_error("cannot connect to " + path.string());
  }
  return fd;
}

Result<Fd> listen_unix(const fs::path& path, int type, unsigned mode) {
  CORUN_ASSIGN(const Address address, address_of(path));
  Fd fd(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error("cannot make a socket");
  unlink(path.c_str());
  if (bind(fd.get(), raw(address), sizeof address.address) != 0 || chmod(path.c_str(), mode) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return system_error("cannot listen at " + path.string());
  }
  return fd;
}

}  // namespace corun::client
