// What nvidia-smi's queries can name. Names and units as `nvidia-smi --help-query-gpu` has them.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "core/abi/nvml.h"

namespace corun::simgpu {

/// A GPU's readings that the queries print.
struct SmiGpu {
  unsigned index = 0;
  nvml::DeviceHandle handle = nullptr;
};

struct SmiApp {
  SmiGpu gpu;
  nvml::ProcessInfo process{};
};

/// Value and unit ("MiB"), or "[N/A]" without unit.
struct SmiValue {
  std::string text;
  std::string unit;
};

using GpuFields = std::map<std::string, std::function<SmiValue(const SmiGpu&)>, std::less<>>;
using AppFields = std::map<std::string, std::function<SmiValue(const SmiApp&)>, std::less<>>;
const GpuFields& gpu_fields();
const AppFields& app_fields();

}  // namespace corun::simgpu
