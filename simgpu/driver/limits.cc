#include "simgpu/driver/limits.h"

#include <algorithm>

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
  switch (attribute) {
    case A::kMaxThreadsPerBlock:
    case A::kMaxBlockDimX:
    case A::kMaxBlockDimY:
      return 1024;
    case A::kMaxBlockDimZ:
      return 64;
    case A::kMaxGridDimX:
      return 0x7fffffff;
    case A::kMaxGridDimY:
    case A::kMaxGridDimZ:
      return 65535;
    case A::kMaxSharedMemoryPerBlock:
      return shared.per_block;
    case A::kMaxSharedMemoryPerBlockOptin:
      return shared.per_block_optin;
    case A::kMaxSharedMemoryPerMultiprocessor:
      return shared.per_sm;
    case A::kTotalConstantMemory:
      return 64 * kKiB;
    case A::kWarpSize:
      return 32;
    case A::kMaxRegistersPerBlock:
    case A::kMaxRegistersPerMultiprocessor:
      return kRegistersPerSm;
    case A::kClockRateKhz:
      return static_cast<int>(info.sm_clock_mhz) * 1000;
    case A::kMemoryClockRateKhz:
      return static_cast<int>(info.memory_clock_mhz) * 1000;
    case A::kGlobalMemoryBusWidthBits:
      // From the bandwidth: two transfers a clock.
      return info.memory_clock_mhz == 0
                 ? 0
                 : static_cast<int>(info.dram_bytes_per_s * 8 / (info.memory_clock_mhz * 2e6));
    case A::kL2CacheBytes:
      return static_cast<int>(std::min<uint64_t>(info.l2_bytes, 0x7fffffff));
    case A::kMultiprocessorCount:
      return static_cast<int>(info.sm_count);
    case A::kMaxThreadsPerMultiprocessor:
      return static_cast<int>(info.threads_per_sm);
    case A::kMaxBlocksPerMultiprocessor:
      return static_cast<int>(info.blocks_per_sm);
    case A::kAsyncEngineCount:
      return 2;
    case A::kPciBusId:
      return static_cast<int>(info.pci_bus);
    case A::kComputeCapabilityMajor:
      return static_cast<int>(info.compute_major);
    case A::kComputeCapabilityMinor:
      return static_cast<int>(info.compute_minor);
    case A::kGpuOverlap:
    case A::kCanMapHostMemory:
    case A::kConcurrentKernels:
    case A::kUnifiedAddressing:
    case A::kStreamPrioritiesSupported:
    case A::kComputePreemptionSupported:
      return 1;
    case A::kKernelExecTimeout:
    case A::kIntegrated:
    case A::kComputeMode:
    case A::kEccEnabled:
    case A::kPciDeviceId:
    case A::kPciDomainId:
    case A::kManagedMemory:
    case A::kCanUseStreamMemOpsV1:
    case A::kCanUse64BitStreamMemOps:
    case A::kCooperativeLaunch:
    case A::kMemoryPoolsSupported:
      return 0;
  }
  return 0;
}

}  // namespace corun::simgpu::driver
