#include "workloads/synthetic/kernels.h"

namespace corun::synthetic {

Result<Kernels> Kernels::load(const gpu::Driver& driver) {
  CORUN_ASSIGN(gpu::Module module, gpu::Module::load_ptx(driver, kPtx));
  CORUN_ASSIGN(const gpu::Kernel step, module.kernel("corun_step"));
  CORUN_ASSIGN(const gpu::Kernel burn, module.kernel("corun_burn"));
  CORUN_ASSIGN(const gpu::Kernel tensor, module.kernel("corun_tensor"));
  CORUN_ASSIGN(const gpu::Kernel l2_read, module.kernel("corun_l2_read"));
  CORUN_ASSIGN(const gpu::Kernel dram_copy, module.kernel("corun_dram_copy"));
  return Kernels(std::move(module), step, burn, tensor, l2_read, dram_copy);
}

Status Kernels::step(cuda::StreamHandle stream, const StateArgument& state) const {
  return step_.launch(stream, {}, {kBlockThreads}, 0, state.address, state.words, state.addend);
}

Status Kernels::burn(cuda::StreamHandle stream, uint32_t blocks, const StateArgument& state,
                     uint32_t iterations) const {
  return burn_.launch(stream, {blocks}, {kBlockThreads}, 0, state.address, state.words,
                      state.addend, iterations);
}

Status Kernels::tensor(cuda::StreamHandle stream, uint32_t blocks, const StateArgument& state,
                       uint32_t iterations) const {
  return tensor_.launch(stream, {blocks}, {kBlockThreads}, 0, state.address, state.words,
                        state.addend, iterations);
}

Status Kernels::l2_read(cuda::StreamHandle stream, uint32_t blocks, const StateArgument& state,
                        uint32_t iterations, cuda::DevicePtr data, uint32_t count) const {
  return l2_read_.launch(stream, {blocks}, {kBlockThreads}, 0, state.address, state.words,
                         state.addend, iterations, data, count);
}

Status Kernels::dram_copy(cuda::StreamHandle stream, uint32_t blocks, const StateArgument& state,
                          uint32_t iterations, cuda::DevicePtr target, cuda::DevicePtr source,
                          uint32_t count) const {
  return dram_copy_.launch(stream, {blocks}, {kBlockThreads}, 0, state.address, state.words,
                           state.addend, iterations, target, source, count);
}

}  // namespace corun::synthetic
