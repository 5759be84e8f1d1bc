// Cost entries: what a kernel costs on the simulated GPU, by kernel name, and what it does to
// memory. A JSON file holds the entries of some kernels; its format is in docs/simulated-gpu.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "simgpu/engine/op.h"
#include "simgpu/engine/profile.h"

namespace corun::simgpu {

enum class ParameterType { kPointer, kU32, kI32, kU64, kI64, kF32, kF64 };

/// One kernel parameter, as in the PTX: cuLaunchKernel passes a pointer to `size` bytes for each,
/// or all of them in one buffer at `offset`.
struct KernelParameter {
  std::string name;
  ParameterType type = ParameterType::kU32;
  uint32_t offset = 0;
  uint32_t size = 0;
};

/// base + sum of (factor x product of quantities). A quantity is a scalar parameter or one of the
/// launch's own: blocks, threads (of a block), total_threads.
struct CostFormula {
  struct Term {
    double factor = 0;
    std::vector<std::string> quantities;
  };
  double base = 0;
  std::vector<Term> terms;
};

/// What a launch does to memory, by a name that the drop-in driver knows, with the parameters that
/// play its roles ({"state": 0, "count": 2} are indices into KernelCost::parameters).
struct KernelEffect {
  std::string name;
  std::map<std::string, size_t> arguments;
};

struct KernelCost {
  std::string name;
  std::string source;  ///< where the figures come from
  std::vector<KernelParameter> parameters;
  CostFormula block_us;                   ///< how long one block runs when bandwidth is not short
  CostFormula dram_bytes;                 ///< memory traffic of the whole launch
  std::optional<uint32_t> blocks_per_sm;  ///< bound by registers or shared memory, if any
  std::optional<KernelEffect> effect;

  /// Bytes of all parameters in one buffer.
  uint32_t parameter_bytes() const;
};

/// The shape of one launch.
struct LaunchShape {
  uint64_t blocks = 1;
  uint32_t threads_per_block = 1;
};

/// The work of one launch on `profile`'s device. `parameters` is the buffer in which each parameter
/// stands at its offset.
/// Errors (failed): the buffer is too short, or the formula gives a negative or absurd time
/// (above 1 hour), naming the kernel.
Result<KernelWork> kernel_work(const KernelCost& cost, const LaunchShape& shape,
                               std::span<const std::byte> parameters, const Profile& profile);

class CostTable {
 public:
  /// Adds the entries of one file's content. Errors (usage) name `origin`, kernel and key; a kernel
  /// that is there already is an error too.
  Status add(const Json& value, std::string_view origin);
  /// Reads and adds a file.
  Status add_file(const std::filesystem::path& path);
  /// Nothing for an unknown kernel.
  const KernelCost* find(std::string_view kernel) const;
  size_t size() const { return kernels_.size(); }

 private:
  std::map<std::string, KernelCost, std::less<>> kernels_;
};

}  // namespace corun::simgpu
