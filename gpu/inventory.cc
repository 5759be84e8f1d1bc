#include "gpu/inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "core/environment.h"
#include "core/files.h"

namespace corun::gpu {

namespace {

constexpr char kPipeDirectory[] = "CUDA_MPS_PIPE_DIRECTORY";

Result<int> attribute(const Driver& driver, cuda::Device device, cuda::DeviceAttribute which) {
  int value = 0;
  CORUN_CUDA(driver, cuDeviceGetAttribute, &value, which, device);
  return value;
}

std::string compute_mode_text(cuda::ComputeMode mode) {
  switch (mode) {
    case cuda::ComputeMode::kDefault:
      return "default";
    case cuda::ComputeMode::kProhibited:
      return "prohibited";
    case cuda::ComputeMode::kExclusiveProcess:
      return "exclusive-process";
  }
  return fmt::format("mode {}", static_cast<int>(mode));
}

/// What the CUDA driver tells about one GPU.
Result<GpuInfo> cuda_facts(const Driver& driver, int ordinal) {
  using enum cuda::DeviceAttribute;
  cuda::Device device = 0;
  CORUN_CUDA(driver, cuDeviceGet, &device, ordinal);
  GpuInfo info;
  info.index = ordinal;
  info.simulated = driver.simulated();
  info.cuda = cuda_version_text(driver.version());
  char name[256] = {};
  CORUN_CUDA(driver, cuDeviceGetName, name, static_cast<int>(sizeof name), device);
  info.name = name;
  cuda::Uuid uuid{};
  CORUN_CUDA(driver, cuDeviceGetUuid, &uuid, device);
  info.uuid = uuid_text(uuid);
  char bus[32] = {};
  CORUN_CUDA(driver, cuDeviceGetPCIBusId, bus, static_cast<int>(sizeof bus), device);
  info.pci_bus_id = normal_pci_bus_id(bus);
  size_t bytes = 0;
  CORUN_CUDA(driver, cuDeviceTotalMem, &bytes, device);
  info.memory_bytes = bytes;
  CORUN_ASSIGN(info.compute_major, attribute(driver, device, kComputeCapabilityMajor));
  CORUN_ASSIGN(info.compute_minor, attribute(driver, device, kComputeCapabilityMinor));
  CORUN_ASSIGN(info.sm_count, attribute(driver, device, kMultiprocessorCount));
  CORUN_ASSIGN(const int clock_khz, attribute(driver, device, kClockRateKhz));
  info.max_sm_clock_mhz = clock_khz / 1000;
  CORUN_ASSIGN(const int mode, attribute(driver, device, kComputeMode));
  info.compute_mode = compute_mode_text(static_cast<cuda::ComputeMode>(mode));
  info.mig_mode = "not-supported";
  return info;
}

/// NVML's handle of the same GPU, or nothing.
std::optional<nvml::DeviceHandle> same_gpu(const Nvml& nvml, const GpuInfo& info) {
  nvml::DeviceHandle device = nullptr;
  if (nvml.nvmlDeviceGetHandleByUUID(info.uuid.c_str(), &device) == nvml::Code::kSuccess) {
    return device;
  }
  unsigned count = 0;
  if (nvml.nvmlDeviceGetCount(&count) != nvml::Code::kSuccess) return std::nullopt;
  for (unsigned i = 0; i < count; ++i) {
    if (nvml.nvmlDeviceGetHandleByIndex(i, &device) != nvml::Code::kSuccess) continue;
    const auto pci = Nvml::read<nvml::PciInfo>(nvml.nvmlDeviceGetPciInfo, device);
    if (pci && normal_pci_bus_id(pci->bus_id) == info.pci_bus_id) return device;
  }
  return std::nullopt;
}

void add_nvml_facts(const Nvml& nvml, nvml::DeviceHandle device, GpuInfo* info) {
  if (const auto clock =
          Nvml::read<unsigned>(nvml.nvmlDeviceGetMaxClockInfo, device, nvml::ClockKind::kSm)) {
    info->max_sm_clock_mhz = static_cast<int>(*clock);
  }
  if (const auto limit = Nvml::read<unsigned>(nvml.nvmlDeviceGetEnforcedPowerLimit, device)) {
    info->power_limit_w = *limit * 1e-3;
  }
  if (const auto mode = Nvml::read<nvml::ComputeMode>(nvml.nvmlDeviceGetComputeMode, device)) {
    info->compute_mode = compute_mode_text(static_cast<cuda::ComputeMode>(*mode));
  }
  unsigned current = 0;
  unsigned pending = 0;
  if (nvml.nvmlDeviceGetMigMode != nullptr &&
      nvml.nvmlDeviceGetMigMode(device, &current, &pending) == nvml::Code::kSuccess) {
    info->mig_mode = current == nvml::kMigEnabled ? "enabled" : "disabled";
  }
}

}  // namespace

std::string uuid_text(const cuda::Uuid& uuid) {
  std::string text = "GPU-";
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", uuid.bytes[i]);
  }
  return text;
}

std::string normal_pci_bus_id(std::string_view id) {
  const size_t colon = id.find(':');
  if (colon == std::string_view::npos) return std::string(id);
  std::string normal(colon < 8 ? 8 - colon : 0, '0');
  normal += id;
  std::transform(normal.begin(), normal.end(), normal.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return normal;
}

Status init_without_mps(const Driver& driver) {
  CORUN_ASSIGN(const TemporaryFolder empty, TemporaryFolder::create("corun-no-mps-"));
  const std::optional<std::string> before = environment(kPipeDirectory);
  setenv(kPipeDirectory, empty.path().c_str(), 1);
  Status status = driver.init();
  if (before) {
    setenv(kPipeDirectory, before->c_str(), 1);
  } else {
    unsetenv(kPipeDirectory);
  }
  return status;
}

Result<std::vector<GpuInfo>> list_gpus(const Driver& driver, const Nvml* nvml) {
  int count = 0;
  CORUN_CUDA(driver, cuDeviceGetCount, &count);
  std::string version;
  if (nvml != nullptr) {
    CORUN_ASSIGN(version, nvml->driver_version());
  }
  std::vector<GpuInfo> gpus;
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    CORUN_ASSIGN(GpuInfo info, cuda_facts(driver, ordinal));
    info.driver = version;
    if (nvml != nullptr) {
      if (const auto device = same_gpu(*nvml, info)) add_nvml_facts(*nvml, *device, &info);
    }
    gpus.push_back(std::move(info));
  }
  return gpus;
}

Result<std::vector<GpuInfo>> list_gpus(const DriverFiles& files) {
  CORUN_ASSIGN(const auto driver, Driver::load(files));
  CORUN_TRY(init_without_mps(*driver));
  CORUN_ASSIGN(const auto nvml, Nvml::load(files));
  return list_gpus(*driver, nvml.get());
}

int device_minor(const GpuInfo& gpu) {
  const auto nvml = Nvml::load();
  if (!nvml) return gpu.index;
  const auto device = (*nvml)->device_by_uuid(gpu.uuid);
  if (!device) return gpu.index;
  const auto minor = Nvml::read<unsigned>((*nvml)->nvmlDeviceGetMinorNumber, *device);
  return minor ? static_cast<int>(*minor) : gpu.index;
}

Result<GpuInfo> find_gpu(std::span<const GpuInfo> gpus, std::string_view which) {
  std::string known;
  for (const GpuInfo& gpu : gpus) {
    if (which == std::to_string(gpu.index) || which == gpu.uuid ||
        normal_pci_bus_id(which) == gpu.pci_bus_id) {
      return gpu;
    }
    known += fmt::format("{}{} ({}, {})", known.empty() ? "" : ", ", gpu.index, gpu.name, gpu.uuid);
  }
  return usage_error(fmt::format("no GPU '{}' on this node", which),
                     known.empty() ? "there is none" : "use one of " + known);
}

}  // namespace corun::gpu
