#include "gpu/mig.h"

namespace corun::gpu {

namespace {

constexpr size_t kTextBytes = 128;

std::optional<MigInstance> read_instance(const Nvml& nvml, nvml::DeviceHandle device,
                                         nvml::DeviceHandle handle) {
  const auto gpu = Nvml::read<unsigned>(nvml.nvmlDeviceGetGpuInstanceId, handle);
  const auto compute = Nvml::read<unsigned>(nvml.nvmlDeviceGetComputeInstanceId, handle);
  if (!gpu || !compute) return std::nullopt;
  MigInstance instance;
  instance.gpu_instance = static_cast<int>(*gpu);
  instance.compute_instance = static_cast<int>(*compute);
  char text[kTextBytes] = {};
  if (nvml.nvmlDeviceGetUUID(handle, text, sizeof text) == nvml::Code::kSuccess) {
    instance.uuid = text;
  }
  if (nvml.nvmlDeviceGetName(handle, text, sizeof text) == nvml::Code::kSuccess) {
    instance.profile = mig_profile_of(text);
  }
  if (const auto memory = Nvml::read<nvml::Memory>(nvml.nvmlDeviceGetMemoryInfo, handle)) {
    instance.memory_bytes = memory->total;
  }
  const auto whole =
      Nvml::read<nvml::GpuInstanceHandle>(nvml.nvmlDeviceGetGpuInstanceById, device, *gpu);
  nvml::GpuInstanceInfo info{};
  if (whole && nvml.nvmlGpuInstanceGetInfo != nullptr &&
      nvml.nvmlGpuInstanceGetInfo(*whole, &info) == nvml::Code::kSuccess) {
    instance.start = static_cast<int>(info.placement.start);
    instance.size = static_cast<int>(info.placement.size);
  }
  return instance;
}

}  // namespace

std::string mig_profile_of(std::string_view device_name) {
  constexpr std::string_view kMark = " MIG ";
  const size_t at = device_name.rfind(kMark);
  if (at == std::string_view::npos) return {};
  return std::string(device_name.substr(at + kMark.size()));
}

std::vector<MigInstance> list_mig_instances(const Nvml& nvml, nvml::DeviceHandle device) {
  std::vector<MigInstance> found;
  if (nvml.nvmlDeviceGetMigDeviceHandleByIndex == nullptr) return found;
  const unsigned most =
      Nvml::read<unsigned>(nvml.nvmlDeviceGetMaxMigDeviceCount, device).value_or(0);
  for (unsigned i = 0; i < most; ++i) {  // indices of instances that are gone stay empty
    nvml::DeviceHandle handle = nullptr;
    if (nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, i, &handle) != nvml::Code::kSuccess) {
      continue;
    }
    if (auto instance = read_instance(nvml, device, handle)) found.push_back(std::move(*instance));
  }
  return found;
}

}  // namespace corun::gpu
