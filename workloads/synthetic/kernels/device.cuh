// The little of CUDA C++ that the kernels need, on top of clang's own builtins: no CUDA toolkit is
// needed to compile them. Builtins: clang/include/clang/Basic/BuiltinsNVPTX.def (LLVM 14).
#pragma once

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))

namespace device {

using U32 = unsigned int;
struct alignas(16) U32x4 {
  U32 x, y, z, w;
};

__device__ inline U32 thread_index() {
  return __nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() +
         __nvvm_read_ptx_sreg_tid_x();
}
__device__ inline U32 thread_count() {
  return __nvvm_read_ptx_sreg_nctaid_x() * __nvvm_read_ptx_sreg_ntid_x();
}

/// The checksum's step on every word of `state` (see workloads/synthetic/checksum.h), spread over
/// all threads of the grid. `poison` is false for every input the host gives; it ties the work
/// above it to a visible result, so that no compiler may drop the work.
__device__ inline void step_state(U32* state, U32 words, U32 addend, bool poison) {
  const U32 add = 1013904223u + addend + (poison ? 1u : 0u);
  for (U32 i = thread_index(); i < words; i += thread_count()) {
    state[i] = state[i] * 1664525u + add;
  }
}

/// A 16-byte load that is cached in L2 only, so that the traffic reaches L2.
__device__ inline U32x4 load_from_l2(const U32x4* at) {
  U32x4 v;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(at));
  return v;
}

}  // namespace device
