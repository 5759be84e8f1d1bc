#include "simgpu/driver/limits.h"

#include <algorithm>
#include <map>
#include <sstream>

namespace corun::simgpu::driver {

namespace {

constexpr int kKiB = 1024;
constexpr int kRegistersPerSm = 64 * 1024;  // compute capability 7.0 to 12.0
constexpr int kReservedSharedPerBlock = 1024;

}  // namespace

SharedMemoryLimits shared_memory_limits(const wire::DeviceInfo& info) {
  const uint32_t capability = info.compute_major * 10 + info.compute_minor;
  if (capability >= 90 && capability < 120) return {228 * kKiB, 48 * kKiB, 227 * kKiB};
  if (capability == 80 || capability == 87) return {164 * kKiB, 48 * kKiB, 163 * kKiB};
  if (capability >= 86) return {100 * kKiB, 48 * kKiB, 99 * kKiB};
  if (capability == 75) return {64 * kKiB, 48 * kKiB, 64 * kKiB};
  return {96 * kKiB, 48 * kKiB, 96 * kKiB};
}

std::vector<uint32_t> visible_devices(const std::optional<std::string>& variable,
                                      const std::vector<wire::DeviceInfo>& all) {
  std::vector<uint32_t> visible;
  if (!variable) {
    for (uint32_t i = 0; i < all.size(); ++i) visible.push_back(i);
    return visible;
  }
  std::istringstream items(*variable);
  for (std::string item; std::getline(items, item, ',');) {
    const auto named = std::find_if(all.begin(), all.end(), [&](const wire::DeviceInfo& info) {
      const auto index = static_cast<size_t>(&info - all.data());
      const bool by_uuid = item.size() > 4 && std::string_view(info.uuid).starts_with(item);
      return by_uuid || item == std::to_string(index);
    });
    if (named == all.end()) break;
    visible.push_back(static_cast<uint32_t>(named - all.begin()));
  }
  return visible;
}

int blocks_per_sm(const wire::DeviceInfo& info, int threads, uint64_t shared_bytes) {
  const int whole_warps = (threads + 31) / 32 * 32;
  int blocks = std::min(static_cast<int>(info.blocks_per_sm),
                        static_cast<int>(info.threads_per_sm) / whole_warps);
  if (shared_bytes > 0) {
    const uint64_t each = shared_bytes + kReservedSharedPerBlock;
    const auto room = static_cast<uint64_t>(shared_memory_limits(info).per_sm);
    blocks = std::min(blocks, static_cast<int>(room / each));
  }
  return blocks;
}

int device_attribute(const wire::DeviceInfo& info, cuda::DeviceAttribute attribute) {
  using A = cuda::DeviceAttribute;
  const SharedMemoryLimits shared = shared_memory_limits(info);
  const auto number = [](auto value) { return static_cast<int>(value); };
  // From the bandwidth, with two transfers a clock.
  const double bus_bits =
      info.memory_clock_mhz == 0 ? 0 : info.dram_bytes_per_s * 8 / (info.memory_clock_mhz * 2e6);
  const std::map<A, int> values = {
      {A::kMaxThreadsPerBlock, 1024},
      {A::kMaxBlockDimX, 1024},
      {A::kMaxBlockDimY, 1024},
      {A::kMaxBlockDimZ, 64},
      {A::kMaxGridDimX, 0x7fffffff},
      {A::kMaxGridDimY, 65535},
      {A::kMaxGridDimZ, 65535},
      {A::kMaxSharedMemoryPerBlock, shared.per_block},
      {A::kMaxSharedMemoryPerBlockOptin, shared.per_block_optin},
      {A::kMaxSharedMemoryPerMultiprocessor, shared.per_sm},
      {A::kTotalConstantMemory, 64 * kKiB},
      {A::kWarpSize, 32},
      {A::kMaxRegistersPerBlock, kRegistersPerSm},
      {A::kMaxRegistersPerMultiprocessor, kRegistersPerSm},
      {A::kClockRateKhz, number(info.sm_clock_mhz * 1000)},
      {A::kMemoryClockRateKhz, number(info.memory_clock_mhz * 1000)},
      {A::kGlobalMemoryBusWidthBits, number(bus_bits)},
      {A::kL2CacheBytes, number(std::min<uint64_t>(info.l2_bytes, 0x7fffffff))},
      {A::kMultiprocessorCount, number(info.sm_count)},
      {A::kMaxThreadsPerMultiprocessor, number(info.threads_per_sm)},
      {A::kMaxBlocksPerMultiprocessor, number(info.blocks_per_sm)},
      {A::kAsyncEngineCount, 2},
      {A::kPciBusId, number(info.pci_bus)},
      {A::kComputeCapabilityMajor, number(info.compute_major)},
      {A::kComputeCapabilityMinor, number(info.compute_minor)},
      {A::kGpuOverlap, 1},
      {A::kCanMapHostMemory, 1},
      {A::kConcurrentKernels, 1},
      {A::kUnifiedAddressing, 1},
      {A::kStreamPrioritiesSupported, 1},
      {A::kComputePreemptionSupported, 1},
      {A::kManagedMemory, 1},
      {A::kCooperativeLaunch, 1},
      {A::kMemoryPoolsSupported, 1},
      {A::kVirtualMemoryManagementSupported, 1},
      {A::kReadOnlyHostRegisterSupported, 1},
      {A::kCanUse64BitStreamMemOps, 1},
      {A::kCanUseStreamWaitValueNor, 1},
  };
  const auto found = values.find(attribute);
  return found == values.end() ? 0 : found->second;
}

}  // namespace corun::simgpu::driver
