// Where the driver's libraries are. CORUN_DRIVER_DIR names the folder of another driver (the
// simulated one); without it the system's own is taken.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace corun::gpu {

struct DriverFiles {
  /// Folder of libcuda.so.1 and libnvidia-ml.so.1; empty: the system's driver.
  std::filesystem::path folder;

  /// As CORUN_DRIVER_DIR says.
  static DriverFiles from_environment();
  /// The names to try in turn for one library ("libcuda.so.1").
  std::vector<std::string> candidates(const std::string& library) const;
  /// What a program preloads to reach this driver's device files; nothing: they are the kernel's.
  std::optional<std::filesystem::path> device_library() const;
};

/// A loaded library; it stays loaded until the process ends, as NVIDIA's libraries keep threads and
/// exit handlers.
class Library {
 public:
  /// Errors (unsupported): none of the candidates can be loaded; the text has the loader's reason.
  static Result<Library> open(const DriverFiles& files, const std::string& name);
  /// The address of an exported symbol, or null.
  void* symbol(const char* name) const;
  /// The path that was loaded.
  const std::string& path() const { return path_; }

 private:
  Library(void* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  void* handle_;
  std::string path_;
};

}  // namespace corun::gpu
