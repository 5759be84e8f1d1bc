// The CUDA driver: its functions as typed pointers, and its outcomes as Status.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/abi/cuda.h"
#include "core/abi/sim.h"
#include "core/result.h"
#include "gpu/driver_files.h"

namespace corun::gpu {

/// A loaded libcuda.so.1. Objects made through it (context.h and others) point to it: keep it
/// alive.
class Driver : public cuda::Functions {
 public:
  /// Loads the library and looks up every function; calls none that touches a GPU.
  /// Errors (unsupported): no driver, or one older than R520 (naming what it lacks).
  static Result<std::unique_ptr<Driver>> load(
      const DriverFiles& files = DriverFiles::from_environment());

  /// cuInit. Errors (unsupported): no GPU, or a driver that does not fit the kernel module.
  Status init() const;

  /// Success, or an error that names the call and the driver's code and meaning.
  Status check(cuda::Code code, std::string_view call) const;

  /// Highest CUDA version of the driver, as 1000 * major + 10 * minor.
  int version() const { return version_; }
  const std::string& path() const { return path_; }
  bool simulated() const { return simulated_profile_ != nullptr; }
  /// The profile of a simulated driver ("h100"; empty before init()), or nothing for a real one.
  std::optional<std::string> simulated_profile() const;

 private:
  explicit Driver(const Library& library);
  Status look_up(const Library& library);
  void look_up_later_functions();

  std::string path_;
  int version_ = 0;
  sim::ProfileFunction* simulated_profile_ = nullptr;
};

/// "13.0" for 13000.
std::string cuda_version_text(int version);
/// "CUDA_ERROR_OUT_OF_MEMORY (out of memory)"; "code 1234" where the table does not know it.
std::string code_text(cuda::Code code);

}  // namespace corun::gpu

/// Returns the error of a driver call from the calling function, or goes on:
///   CORUN_CUDA(driver, cuMemAlloc, &address, bytes);
#define CORUN_CUDA(driver, function, ...) \
  CORUN_TRY((driver).check((driver).function(__VA_ARGS__), #function))
