#include "engine/daemon/shared_page.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/wire/session_page.h"

namespace corun::daemon {

namespace {

Error system_error(const char* what) {
  return failed(fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

Result<SharedPage> SharedPage::create(const char* name) {
  Fd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return system_error("cannot make a shared page");
  // Mode 0400: a receiver of a read-only descriptor that is not the owner cannot reopen it for
  // writing through /proc.
  if (ftruncate(fd.get(), wire::kPageBytes) != 0 || fchmod(fd.get(), 0400) != 0 ||
      fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return system_error("cannot size a shared page");
  }
  void* memory = mmap(nullptr, wire::kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return system_error("cannot map a shared page");
  return SharedPage(std::move(fd), memory);
}

SharedPage::SharedPage(SharedPage&& other) noexcept
    : fd_(std::move(other.fd_)), memory_(std::exchange(other.memory_, nullptr)) {}

SharedPage& SharedPage::operator=(SharedPage&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(memory_, other.memory_);
  return *this;
}

SharedPage::~SharedPage() {
  if (memory_ != nullptr) munmap(memory_, wire::kPageBytes);
}

Result<Fd> SharedPage::read_only() const {
  const std::string path = fmt::format("/proc/self/fd/{}", fd_.get());
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error("cannot reopen a shared page");
  return fd;
}

}  // namespace corun::daemon
