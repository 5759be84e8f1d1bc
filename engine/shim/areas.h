// Areas of this process's memory, as /proc/self/maps tells them: private, writable, anonymous.
#pragma once

#include <cstdint>

namespace corun::shim {

struct Area {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t bytes() const { return end - begin; }
  friend bool operator==(const Area&, const Area&) = default;
};

/// The area of one line of /proc/PID/maps; false: it is of another kind, or no such line.
bool parse_area(const char* line, Area* area);

/// Reads lines piece by piece, so that a process of many areas needs no memory for them.
class AreaReader {
 public:
  /// `path`: /proc/self/maps, or a file like it.
  explicit AreaReader(const char* path);
  ~AreaReader();
  AreaReader(const AreaReader&) = delete;
  AreaReader& operator=(const AreaReader&) = delete;
  /// The next area of at least `least` bytes; false at the end.
  bool next(uint64_t least, Area* area);

 private:
  bool fill();

  int file_;
  uint32_t used_ = 0;  ///< of `text_`
  uint32_t at_ = 0;
  char text_[16384];
};

/// Areas that are known, up to a number; what finds no room is not known.
class AreaList {
 public:
  static constexpr int kMost = 512;
  void clear() { count_ = 0; }
  bool add(const Area& area);
  int count() const { return count_; }
  /// The first part of `area` that no known area covers; empty: all of it is known.
  Area unknown_part(const Area& area) const;

 private:
  Area areas_[kMost];
  int count_ = 0;
};

}  // namespace corun::shim
