#include "workloads/training/data/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/fd.h"

namespace corun::training {

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const auto wrong = [&](const char* why) {
    return failed(fmt::format("cannot read {}: {}", path.string(), why));
  };
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (!fd || fstat(fd.get(), &facts) != 0) return wrong(std::strerror(errno));
  if (!S_ISREG(facts.st_mode)) return wrong("it is no file");
  if (facts.st_size == 0) return wrong("it is empty");
  const auto size = static_cast<size_t>(facts.st_size);
  void* const at = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (at == MAP_FAILED) return wrong(std::strerror(errno));
  MappedFile file;
  file.bytes_ = {static_cast<const std::byte*>(at), size};
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace corun::training
