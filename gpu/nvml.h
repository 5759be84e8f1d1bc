// NVML: its functions as typed pointers, and its outcomes as Status.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/abi/nvml.h"
#include "core/result.h"
#include "gpu/driver_files.h"

namespace corun::gpu {

/// A loaded and initialised libnvidia-ml.so.1; shut down at the end of the object's life.
/// All functions may be called from any thread.
class Nvml : public nvml::Functions {
 public:
  /// Errors (unsupported): no library, one older than R520, or no driver below it.
  static Result<std::unique_ptr<Nvml>> load(
      const DriverFiles& files = DriverFiles::from_environment());
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml();

  /// Success, or an error that names the call and NVML's meaning. kNotSupported, kFunctionNotFound
  /// and kNoPermission are of kind unsupported.
  Status check(nvml::Code code, std::string_view call) const;

  const std::string& path() const { return path_; }
  /// The driver's version, e.g. "580.159.04". Errors: as NVML says.
  Result<std::string> driver_version() const;
  /// Errors (failed): no GPU with this UUID.
  Result<nvml::DeviceHandle> device_by_uuid(const std::string& uuid) const;

  /// Calls `function(device, arguments..., &value)` and returns the value, or nothing where NVML
  /// has none for this device (or lacks the function).
  template <typename Value, typename Function, typename... Arguments>
  static std::optional<Value> read(Function function, nvml::DeviceHandle device,
                                   Arguments... arguments) {
    Value value{};
    if (function == nullptr) return std::nullopt;
    if (function(device, arguments..., &value) != nvml::Code::kSuccess) return std::nullopt;
    return value;
  }

 private:
  explicit Nvml(std::string path) : path_(std::move(path)) {}
  Status look_up(const Library& library);

  std::string path_;
  bool initialised_ = false;
};

/// "not supported on this device"; "code 1234" where the table does not know it.
std::string code_text(nvml::Code code);

}  // namespace corun::gpu
