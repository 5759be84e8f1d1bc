#include "simgpu/tools/mps_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace corun::simgpu {

namespace {

constexpr char kName[] = "control";

/// An address in `folder` that is never too long: through a descriptor of the folder.
sockaddr_un address_in(int folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(folder) + "/" + kName;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Error system_error(const std::string& what) { return failed(what + ": " + std::strerror(errno)); }

}  // namespace

Result<Fd> connect_control(const std::string& pipe_folder) {
  const Fd folder(open(pipe_folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return system_error("no folder " + pipe_folder);
  const sockaddr_un address = address_in(folder.get());
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_error("no daemon listens in " + pipe_folder);
  }
  return fd;
}

Result<Fd> listen_control(const std::string& pipe_folder) {
  if (connect_control(pipe_folder)) {
    return failed("An instance of this daemon is already running");
  }
  const Fd folder(open(pipe_folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return system_error("cannot use the pipe directory " + pipe_folder);
  const sockaddr_un address = address_in(folder.get());
  unlinkat(folder.get(), kName, 0);
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd.get(), 16) != 0) {
    return system_error("cannot listen in " + pipe_folder);
  }
  return fd;
}

}  // namespace corun::simgpu
