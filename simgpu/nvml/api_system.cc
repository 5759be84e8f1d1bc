// Initialisation, versions, what the GPUs are.
#include <cstdio>
#include <cstring>

#include "core/abi/cuda.h"
#include "simgpu/nvml/api.h"
#include "simgpu/nvml/library.h"

namespace corun::simgpu::nvml_api {

namespace {

/// The description behind a handle. Null: `code` says why.
const wire::DeviceInfo* info_of(DeviceHandle handle, Code* code) {
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  uint32_t index = 0;
  *code = library.index_of(handle, &index);
  return *code == Code::kSuccess ? &library.devices()[index] : nullptr;
}

constexpr unsigned kNvidiaVendor = 0x10de;

}  // namespace

Code nvmlInit() {
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  return library.init();
}

Code nvmlShutdown() {
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  return library.shutdown();
}

Code nvmlSystemGetDriverVersion(char* version, unsigned length) {
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  if (!library.initialised()) return Code::kUninitialized;
  if (library.devices().empty()) return Code::kGpuNotFound;
  return copy_text(library.devices()[0].driver, version, length);
}

Code nvmlSystemGetCudaDriverVersion(int* version) {
  if (version == nullptr) return Code::kInvalidArgument;
  *version = wire::kCudaVersion;
  return Code::kSuccess;
}

Code nvmlDeviceGetCount(unsigned* count) {
  if (count == nullptr) return Code::kInvalidArgument;
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  if (!library.initialised()) return Code::kUninitialized;
  *count = static_cast<unsigned>(library.devices().size());
  return Code::kSuccess;
}

Code nvmlDeviceGetHandleByIndex(unsigned index, DeviceHandle* device) {
  if (device == nullptr) return Code::kInvalidArgument;
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  if (!library.initialised()) return Code::kUninitialized;
  if (index >= library.devices().size()) return Code::kInvalidArgument;
  *device = library.handle_of(index);
  return Code::kSuccess;
}

Code nvmlDeviceGetHandleByUUID(const char* uuid, DeviceHandle* device) {
  if (uuid == nullptr || device == nullptr) return Code::kInvalidArgument;
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  if (!library.initialised()) return Code::kUninitialized;
  for (uint32_t i = 0; i < library.devices().size(); ++i) {
    if (std::strcmp(library.devices()[i].uuid, uuid) != 0) continue;
    *device = library.handle_of(i);
    return Code::kSuccess;
  }
  return Code::kNotFound;
}

Code nvmlDeviceGetIndex(DeviceHandle device, unsigned* index) {
  if (index == nullptr) return Code::kInvalidArgument;
  Library& library = Library::get();
  const std::lock_guard lock(library.mutex);
  return library.index_of(device, index);
}

Code nvmlDeviceGetMinorNumber(DeviceHandle device, unsigned* minor) {
  return nvml_api::nvmlDeviceGetIndex(device, minor);
}

Code nvmlDeviceGetName(DeviceHandle device, char* name, unsigned length) {
  Code code{};
  const wire::DeviceInfo* info = info_of(device, &code);
  return info == nullptr ? code : copy_text(info->name, name, length);
}

Code nvmlDeviceGetUUID(DeviceHandle device, char* uuid, unsigned length) {
  Code code{};
  const wire::DeviceInfo* info = info_of(device, &code);
  return info == nullptr ? code : copy_text(info->uuid, uuid, length);
}

Code nvmlDeviceGetPciInfo(DeviceHandle device, PciInfo* pci) {
  if (pci == nullptr) return Code::kInvalidArgument;
  Code code{};
  const wire::DeviceInfo* info = info_of(device, &code);
  if (info == nullptr) return code;
  *pci = {};
  pci->bus = info->pci_bus;
  pci->device_and_vendor = kNvidiaVendor;
  std::snprintf(pci->bus_id, sizeof pci->bus_id, "%s", info->pci_bus_id);
  std::snprintf(pci->bus_id_legacy, sizeof pci->bus_id_legacy, "%.12s", info->pci_bus_id + 4);
  return Code::kSuccess;
}

Code nvmlDeviceGetCudaComputeCapability(DeviceHandle device, int* major, int* minor) {
  if (major == nullptr || minor == nullptr) return Code::kInvalidArgument;
  Code code{};
  const wire::DeviceInfo* info = info_of(device, &code);
  if (info == nullptr) return code;
  *major = static_cast<int>(info->compute_major);
  *minor = static_cast<int>(info->compute_minor);
  return Code::kSuccess;
}

// --- state ---

Code nvmlDeviceGetComputeMode(DeviceHandle device, ComputeMode* mode) {
  if (mode == nullptr) return Code::kInvalidArgument;
  Code code{};
  if (info_of(device, &code) == nullptr) return code;
  *mode = ComputeMode::kDefault;
  return Code::kSuccess;
}

Code nvmlDeviceGetMigMode(DeviceHandle device, unsigned* current, unsigned* pending) {
  if (current == nullptr || pending == nullptr) return Code::kInvalidArgument;
  Code code{};
  const wire::DeviceInfo* info = info_of(device, &code);
  if (info == nullptr) return code;
  // Compute capabilities whose products can be partitioned:
  // https://docs.nvidia.com/datacenter/tesla/mig-user-guide/ (supported GPUs).
  const bool capable =
      info->compute_major >= 8 && info->compute_major <= 10 && info->compute_minor == 0;
  if (!capable) return Code::kNotSupported;
  *current = kMigDisabled;
  *pending = kMigDisabled;
  return Code::kSuccess;
}

Code nvmlDeviceGetMaxMigDeviceCount(DeviceHandle device, unsigned* count) {
  if (count == nullptr) return Code::kInvalidArgument;
  Code code{};
  if (info_of(device, &code) == nullptr) return code;
  *count = 0;  // as the driver says it while MIG mode is disabled
  return Code::kSuccess;
}

Code nvmlDeviceGetPersistenceMode(DeviceHandle device, Feature* mode) {
  if (mode == nullptr) return Code::kInvalidArgument;
  Code code{};
  if (info_of(device, &code) == nullptr) return code;
  *mode = Feature::kEnabled;  // the server lives as long as the node
  return Code::kSuccess;
}

Code nvmlDeviceGetEccMode(DeviceHandle device, Feature*, Feature*) {
  Code code{};
  return info_of(device, &code) == nullptr ? code : Code::kNotSupported;
}

}  // namespace corun::simgpu::nvml_api

extern "C" const char* nvmlErrorString(corun::nvml::Code code) {
  switch (static_cast<int>(code)) {
#define CORUN_SIM_MEANING(identifier, value, meaning) \
  case value:                                         \
    return meaning;
    CORUN_NVML_CODES(CORUN_SIM_MEANING)
#undef CORUN_SIM_MEANING
    default:
      return "a code that this driver does not know";
  }
}
