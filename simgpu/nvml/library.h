// The state of the drop-in NVML in one process: a connection to the node as an observer.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/abi/nvml.h"
#include "core/clock.h"
#include "simgpu/client/connection.h"

namespace corun::simgpu::nvml_api {

class Library {
 public:
  static Library& get();

  nvml::Code init();
  nvml::Code shutdown();
  bool initialised() const { return users_ > 0; }
  const std::vector<wire::DeviceInfo>& devices() const { return devices_; }

  /// Index behind a handle; kUninitialized or kInvalidArgument otherwise.
  nvml::Code index_of(nvml::DeviceHandle handle, uint32_t* index) const;
  nvml::DeviceHandle handle_of(uint32_t index) const;

  /// A call about one GPU. kGpuIsLost: the node's server is gone.
  nvml::Code call(wire::Type type, uint32_t device, Answer* answer);
  nvml::Code telemetry(nvml::DeviceHandle handle, wire::Telemetry* reading);
  /// The same, or what a call of any thread was told less than a millisecond ago: monitors ask for
  /// one figure after the other, and the node tells all at once. For figures that drivers sample
  /// more rarely than that; not for memory, which a program may have taken just now.
  nvml::Code recent_telemetry(nvml::DeviceHandle handle, wire::Telemetry* reading);

  std::recursive_mutex mutex;

 private:
  nvml::Code connect();

  std::optional<Connection> connection_;
  int pid_ = 0;  ///< a forked child connects anew
  int users_ = 0;
  std::vector<wire::DeviceInfo> devices_;
  struct Told {
    Instant at;
    wire::Telemetry reading;
  };
  std::map<uint32_t, Told> told_;  ///< the last of each GPU, by index
};

/// Copies `text` for a caller; kInsufficientSize when it does not fit.
nvml::Code copy_text(const std::string& text, char* target, unsigned length);

}  // namespace corun::simgpu::nvml_api
