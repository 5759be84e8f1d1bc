// Modules (PTX compiled by the driver) and the kernels in them.
#pragma once

#include <string>

#include "gpu/handle.h"

namespace corun::gpu {

struct Grid {
  unsigned x = 1, y = 1, z = 1;
};

/// A kernel. It refers to its module, which must outlive it.
class Kernel {
 public:
  Kernel(const Driver& driver, cuda::FunctionHandle function)
      : driver_(&driver), function_(function) {}

  /// Launches it with its parameters by value, in the types the kernel declares.
  template <typename... Parameters>
  Status launch(cuda::StreamHandle stream, Grid grid, Grid block, unsigned dynamic_shared_bytes,
                Parameters... parameters) const {
    void* addresses[sizeof...(parameters) + 1] = {static_cast<void*>(&parameters)..., nullptr};
    return launch_raw(stream, grid, block, dynamic_shared_bytes, addresses);
  }
  Status launch_raw(cuda::StreamHandle stream, Grid grid, Grid block, unsigned dynamic_shared_bytes,
                    void** parameters) const;

  Result<int> attribute(cuda::FunctionAttribute attribute) const;
  /// Blocks of `threads` threads that fit one SM together.
  Result<int> blocks_per_sm(int threads, size_t dynamic_shared_bytes) const;
  cuda::FunctionHandle get() const { return function_; }

 private:
  const Driver* driver_;
  cuda::FunctionHandle function_;
};

class Module {
 public:
  /// Compiles and loads PTX text. Errors: the driver's code and the compiler's log; unsupported
  /// when the PTX is newer than the driver.
  static Result<Module> load_ptx(const Driver& driver, const std::string& ptx);
  /// Errors (failed): the module has no such kernel.
  Result<Kernel> kernel(const std::string& name) const;
  cuda::ModuleHandle get() const { return module_.get(); }

 private:
  using Handle = Owned<cuda::ModuleHandle, &Driver::cuModuleUnload>;
  explicit Module(Handle module) : module_(std::move(module)) {}
  Handle module_;
};

}  // namespace corun::gpu
