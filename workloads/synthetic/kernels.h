// The kernels of kernels/synthetic.cu, loaded from the PTX inside the program.
#pragma once

#include <cstdint>

#include "gpu/memory.h"
#include "gpu/module.h"

namespace corun::synthetic {

/// The text of kernels/synthetic.ptx, written by cmake/EmbedPtx.cmake.
extern const char kPtx[];

/// Threads of a block, for all kernels.
inline constexpr unsigned kBlockThreads = 256;

// What one block does in one iteration, as the source has it.
inline constexpr double kBurnFlops = 2.0 * 32 * kBlockThreads;
inline constexpr double kWarpsInABlock = kBlockThreads / 32.0;
inline constexpr double kTensorFlops = 2.0 * 16 * 16 * 16 * 8 * kWarpsInABlock;
/// Bytes of one element of corun_l2_read and corun_dram_copy.
inline constexpr uint64_t kElementBytes = 16;

/// The state array that every kernel steps.
struct StateArgument {
  cuda::DevicePtr address = 0;
  uint32_t words = 0;
  uint32_t addend = 0;
};

class Kernels {
 public:
  /// Needs a current context. Errors: the driver refuses the PTX.
  static Result<Kernels> load(const gpu::Driver& driver);

  Status step(cuda::StreamHandle stream, const StateArgument& state) const;
  Status burn(cuda::StreamHandle stream, uint32_t blocks, const StateArgument& state,
              uint32_t iterations) const;
  Status tensor(cuda::StreamHandle stream, uint32_t blocks, const StateArgument& state,
                uint32_t iterations) const;
  /// Reads `count` elements from `data`, which must be all zero, `iterations` times.
  Status l2_read(cuda::StreamHandle stream, uint32_t blocks, const StateArgument& state,
                 uint32_t iterations, cuda::DevicePtr data, uint32_t count) const;
  Status dram_copy(cuda::StreamHandle stream, uint32_t blocks, const StateArgument& state,
                   uint32_t iterations, cuda::DevicePtr target, cuda::DevicePtr source,
                   uint32_t count) const;

 private:
  Kernels(gpu::Module module, gpu::Kernel step, gpu::Kernel burn, gpu::Kernel tensor,
          gpu::Kernel l2_read, gpu::Kernel dram_copy)
      : module_(std::move(module)),
        step_(step),
        burn_(burn),
        tensor_(tensor),
        l2_read_(l2_read),
        dram_copy_(dram_copy) {}

  gpu::Module module_;
  gpu::Kernel step_, burn_, tensor_, l2_read_, dram_copy_;
};

}  // namespace corun::synthetic
