// Allocations that the server counts, with their bytes in this process.
#pragma once

#include "simgpu/driver/driver.h"

namespace corun::simgpu::driver {

/// More than any request can be; sums of sizes stay far from overflow.
inline constexpr uint64_t kMostBytes = uint64_t{1} << 47;

enum class Kind {
  kDevice,
  kManaged,  ///< the host reaches it too, at the same address
};

cuda::Code allocate(Entered& call, cuda::DevicePtr* address, size_t bytes,
                    Kind kind = Kind::kDevice);
/// Takes `bytes` at the server for the current context; `allocation` becomes its id.
cuda::Code take_at_server(Entered& call, uint64_t bytes, uint32_t* allocation);
void return_to_server(Driver& driver, uint32_t allocation);

}  // namespace corun::simgpu::driver
