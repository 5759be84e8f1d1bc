// Files: whole reads, atomic writes, append-only line files, temporary folders.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/result.h"

namespace corun {

/// The whole file. Errors name the path and the system's reason.
Result<std::string> read_file(const std::filesystem::path& path);
/// Writes to a temporary file beside `path`, syncs it and renames it: readers see old or new,
/// whole.
Status write_file_atomically(const std::filesystem::path& path, std::string_view content);
/// Appends `line` and '\n' in one write, so that a cut-off run leaves whole lines.
Status append_line(const std::filesystem::path& path, std::string_view line);

/// A folder that is removed with all its content at the end of the object's life.
class TemporaryFolder {
 public:
  /// Makes /tmp/<prefix>XXXXXX (or below $TMPDIR), mode 0700.
  static Result<TemporaryFolder> create(std::string_view prefix);
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace corun
