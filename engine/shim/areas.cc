#include "engine/shim/areas.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace corun::shim {

namespace {

/// After the addresses: permissions, offset, device and inode of memory that no file is behind.
/// A name may follow ("[heap]").
constexpr char kPlain[] = "rw-p 00000000 00:00 0";

}  // namespace

bool parse_area(const char* line, Area* area) {
  const char* const end = line + strlen(line);
  Area found;
  const auto first = std::from_chars(line, end, found.begin, 16);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') {
    return false;
  }
  const auto second = std::from_chars(first.ptr + 1, end, found.end, 16);
  if (second.ec != std::errc() || second.ptr == end || *second.ptr != ' ') {
    return false;
  }
  const char* const rest = second.ptr + 1;
  const size_t plain = sizeof kPlain - 1;
  if (strncmp(rest, kPlain, plain) != 0 || (rest[plain] != '\0' && rest[plain] != ' ') ||
      strchr(rest, '[') != nullptr || found.end <= found.begin) {
    return false;
  }
  *area = found;
  return true;
}

AreaReader::AreaReader(const char* path) : file_(open(path, O_RDONLY | O_CLOEXEC)) {}

AreaReader::~AreaReader() {
  if (file_ >= 0) {
    close(file_);
  }
}

/// Keeps what is left of a line, and reads on behind it.
bool AreaReader::fill() {
  if (file_ < 0) {
    return false;
  }
  memmove(text_, text_ + at_, used_ - at_);
  used_ -= at_;
  at_ = 0;
  ssize_t got = 0;
  do {
    got = read(file_, text_ + used_, sizeof text_ - used_);
  } while (got < 0 && errno == EINTR);
  used_ += got > 0 ? static_cast<uint32_t>(got) : 0;
  return got > 0;
}

bool AreaReader::next(uint64_t least, Area* area) {
  while (true) {
    char* const line = text_ + at_;
    auto* const end = static_cast<char*>(memchr(line, '\n', used_ - at_));
    if (end == nullptr) {
      if (!fill()) {
        return false;
      }
      continue;
    }
    *end = '\0';
    at_ = static_cast<uint32_t>(end + 1 - text_);
    if (parse_area(line, area) && area->bytes() >= least) {
      return true;
    }
  }
}

bool AreaList::add(const Area& area) {
  if (count_ == kMost) {
    return false;
  }
  areas_[count_++] = area;
  return true;
}

Area AreaList::unknown_part(const Area& area) const {
  Area part = area;
  // Each round moves the beginning past an area that covers it, or cuts the end at one behind it.
  for (bool changed = true; changed && part.begin < part.end;) {
    changed = false;
    for (int i = 0; i < count_; ++i) {
      const Area& known = areas_[i];
      if (known.begin <= part.begin && known.end > part.begin) {
        part.begin = std::min(known.end, part.end);
        changed = true;
      } else if (known.begin > part.begin && known.begin < part.end) {
        part.end = known.begin;
        changed = true;
      }
    }
  }
  return part;
}

}  // namespace corun::shim
