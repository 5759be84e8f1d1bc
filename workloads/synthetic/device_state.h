// A state array on the GPU, stepped by each launch, with the host's count of the launches.
#pragma once

#include <cstdint>
#include <span>

#include "core/result.h"
#include "gpu/memory.h"
#include "workloads/synthetic/checksum.h"
#include "workloads/synthetic/kernels.h"
#include "workloads/synthetic/workload.h"

namespace corun::synthetic {

class DeviceState {
 public:
  static constexpr uint32_t kWords = 256;

  /// Allocates and fills it with the initial state of `seed`.
  static Result<DeviceState> create(const gpu::Driver& driver, uint64_t seed);

  StateArgument argument() const { return {memory_.address(), kWords, model_.addend()}; }
  /// Tells that so many more launches have stepped it, all in one stream.
  void launched(uint64_t count) { launches_ += count; }
  /// Writes one wrong word, as a foreign write would. Precondition: no work is going on.
  Status corrupt();
  Result<std::vector<uint32_t>> read() const;
  std::vector<uint32_t> expected() const { return model_.after(launches_); }

 private:
  DeviceState(StateModel model, gpu::DeviceMemory memory)
      : model_(std::move(model)), memory_(std::move(memory)) {}

  StateModel model_;
  gpu::DeviceMemory memory_;
  uint64_t launches_ = 0;
};

/// The checksum over all `states`, and whether each holds what its launches give.
/// Precondition: no work is going on.
Result<Verification> verify(std::span<const DeviceState> states);

}  // namespace corun::synthetic
