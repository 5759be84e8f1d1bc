// The kernels of corun-synthetic. Every kernel first burns its kind of time and then applies the
// checksum's step to `state`, so the host knows the exact state after any number of launches
// (workloads/synthetic/checksum.h). Common parameters: state, words, addend.
//
// tools/gen_ptx.sh compiles this to kernels/synthetic.ptx (PTX 7.0, sm_70), which is committed and
// embedded in the program. kernels/costs.json tells the simulated GPU what each kernel costs.
#include "workloads/synthetic/kernels/device.cuh"

using device::U32;
using device::U32x4;

/// Only the step: the smallest launch that leaves a trace.
extern "C" __global__ void corun_step(U32* state, U32 words, U32 addend) {
  device::step_state(state, words, addend, false);
}

/// FP32 issue: four independent chains of fused multiply-adds, 32 of them per iteration.
extern "C" __global__ void corun_burn(U32* state, U32 words, U32 addend, U32 iterations) {
  float a = static_cast<float>(device::thread_index() & 1023u) * 0.001f;
  float b = a + 0.25f, c = a + 0.5f, d = a + 0.75f;
  // Each chain swings between v and nearly 1 - v, -1..2, so that the operands' bits keep toggling.
  const float m = -0.99999994f, n = 1.0f;
  for (U32 i = 0; i < iterations; ++i) {
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      a = __builtin_fmaf(a, m, n);
      b = __builtin_fmaf(b, m, n);
      c = __builtin_fmaf(c, m, n);
      d = __builtin_fmaf(d, m, n);
    }
  }
  device::step_state(state, words, addend, a + b + c + d < -100.0f);
}

/// Tensor cores: two independent chains of 16x16x16 half-precision products per warp, 4 products
/// each per iteration, accumulated in single precision. Needs whole warps.
extern "C" __global__ void corun_tensor(U32* state, U32 words, U32 addend, U32 iterations) {
  int left[8], right[8];
  float first[8], second[8];
  // Pairs of halves in 0.125..0.25 with mixed mantissas: the sums only grow, and the operands' bits
  // toggle as those of real weights do.
  U32 bits = device::thread_index() * 2654435761u + 12345u;
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    bits = bits * 1664525u + 1013904223u;
    left[i] = static_cast<int>(0x30003000u | ((bits >> 3) & 0x03ff03ffu));
    bits = bits * 1664525u + 1013904223u;
    right[i] = static_cast<int>(0x30003000u | ((bits >> 3) & 0x03ff03ffu));
    first[i] = 0.0f;
    second[i] = 0.0f;
  }
  for (U32 i = 0; i < iterations; ++i) {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      __hmma_m16n16k16_mma_f32f32(first, left, right, first, 0, 0);
      __hmma_m16n16k16_mma_f32f32(second, left, right, second, 0, 0);
    }
  }
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < 8; ++i) sum += first[i] + second[i];
  device::step_state(state, words, addend, sum < -1.0f);
}

/// L2: reads `count` 16-byte elements of `data`, `iterations` times over. All words of `data` are 0.
extern "C" __global__ void corun_l2_read(U32* state, U32 words, U32 addend, U32 iterations,
                                         const U32x4* data, U32 count) {
  U32 seen = 0;
  for (U32 i = 0; i < iterations; ++i) {
    for (U32 at = device::thread_index(); at < count; at += device::thread_count()) {
      const U32x4 v = device::load_from_l2(data + at);
      seen |= v.x | v.y | v.z | v.w;
    }
  }
  device::step_state(state, words, addend, seen == 0xffffffffu);
}

/// DRAM: copies `count` 16-byte elements from `source` to `target`, `iterations` times over.
extern "C" __global__ void corun_dram_copy(U32* state, U32 words, U32 addend, U32 iterations,
                                           U32x4* target, const U32x4* source, U32 count) {
  for (U32 i = 0; i < iterations; ++i) {
    for (U32 at = device::thread_index(); at < count; at += device::thread_count()) {
      target[at] = source[at];
    }
  }
  device::step_state(state, words, addend, false);
}
