#include "core/files.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/environment.h"
#include "core/fd.h"

namespace corun {

namespace fs = std::filesystem;

namespace {

Error system_error(std::string_view action, const fs::path& path) {
  const int code = errno;
  return failed("cannot " + std::string(action) + " " + path.string() + ": " + std::strerror(code));
}

Status write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t n = write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("write", path);
    content.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const fs::path& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error("read", path);
  std::string content;
  char buffer[64 * 1024];
  while (true) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("read", path);
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
  }
}

Status write_file_atomically(const fs::path& path, std::string_view content) {
  const fs::path temporary = path.string() + ".tmp." + std::to_string(getpid());
  Fd fd(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return system_error("write", temporary);
  Status written = write_all(fd.get(), content, temporary);
  if (written && fsync(fd.get()) != 0) written = system_error("sync", temporary);
  if (written && rename(temporary.c_str(), path.c_str()) != 0) {
    written = system_error("rename to", path);
  }
  if (!written) unlink(temporary.c_str());
  return written;
}

Status append_line(const fs::path& path, std::string_view line) {
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd) return system_error("append to", path);
  std::string with_end(line);
  with_end += '\n';
  return write_all(fd.get(), with_end, path);
}

namespace {
/// For nftw: what cannot be removed stays.
int remove_entry(const char* path, const struct stat* /*status*/, int /*kind*/, FTW* /*place*/) {
  ::remove(path);
  return 0;
}
}  // namespace

Result<TemporaryFolder> TemporaryFolder::create(std::string_view prefix) {
  std::string pattern =
      environment("TMPDIR").value_or("/tmp") + "/" + std::string(prefix) + "XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) return system_error("make a folder like", pattern);
  return TemporaryFolder(pattern);
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryFolder& TemporaryFolder::operator=(TemporaryFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty()) return;
  // Not std::filesystem::remove_all: PyTorch's libraries export one that fails in other programs,
  // to which a program on LibTorch is bound where its own C++ library is a static one.
  constexpr int kOpenFolders = 16;
  nftw(path_.c_str(), remove_entry, kOpenFolders, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

}  // namespace corun
