// What a decoder's layer does between its products, in as few kernels as possible: at batch 1 each
// of LibTorch's takes 3 to 5 us of a layer's 140 us on an H200, for some KB.
//
// Numbers are bfloat16, two to a word; all arithmetic is in 32 bits. tools/gen_ptx.sh compiles this
// to kernels/decoder.ptx (PTX 7.0, sm_70), which is committed and embedded in the program.
#include "workloads/synthetic/kernels/device.cuh"

using device::U32;
using device::U32x4;

namespace {

struct alignas(8) Two {
  float x, y;
};

__device__ inline float bits_to_float(U32 bits) { return __builtin_bit_cast(float, bits); }
__device__ inline U32 float_to_bits(float value) { return __builtin_bit_cast(U32, value); }

/// The lower half of a word comes first in memory.
__device__ inline Two unpacked(U32 word) {
  return {bits_to_float(word << 16), bits_to_float(word & 0xffff0000u)};
}
/// To the nearest, halves to even. NaN stays one.
__device__ inline U32 rounded(float value) {
  const U32 bits = float_to_bits(value);
  if (value != value) return 0x7fc0u;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}
__device__ inline U32 packed(float x, float y) { return rounded(x) | (rounded(y) << 16); }

__device__ inline float gated(float gate, float value) {
  constexpr float kLog2E = 1.44269504f;
  return gate / (1.0f + __nvvm_ex2_approx_f(-gate * kLog2E)) * value;
}

__device__ inline float squares(U32 word) {
  const Two number = unpacked(word);
  return number.x * number.x + number.y * number.y;
}

__device__ inline float sum_of_warp(float value) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) {
    const int other = __nvvm_shfl_sync_bfly_i32(
        0xffffffffu, static_cast<int>(float_to_bits(value)), lane, 0x1f);
    value += bits_to_float(static_cast<U32>(other));
  }
  return value;
}

}  // namespace

/// Turns queries and keys by their places, and keeps keys and values in the cache. Grid: (heads + 2
/// kv_heads, rows * tokens); a block has half a head's width of threads, a pair of numbers each.
/// qkv [rows * tokens, heads + 2 kv_heads, width], rotations [context, width / 2] (cosine, sine),
/// places [rows * tokens], q [rows * tokens, heads, width], cache [2, slots, kv_heads, context,
/// width]; the first row's slot is `first`. `scale`: of queries.
extern "C" __global__ void corun_decoder_turn(const U32* qkv, const Two* rotations,
                                              const long* places, U32* q, U32* cache, U32 heads,
                                              U32 kv_heads, U32 tokens, U32 first, U32 slots,
                                              U32 context, float scale) {
  const U32 head = __nvvm_read_ptx_sreg_ctaid_x(), token = __nvvm_read_ptx_sreg_ctaid_y();
  const U32 half = __nvvm_read_ptx_sreg_ntid_x(), i = __nvvm_read_ptx_sreg_tid_x();
  const unsigned long all = heads + 2 * kv_heads;
  U32 pair = qkv[(token * all + head) * half + i];
  const auto place = static_cast<unsigned long>(places[token]);
  if (head < heads + kv_heads) {
    const Two number = unpacked(pair), turn = rotations[place * half + i];
    const float by = head < heads ? scale : 1.0f;
    pair = packed((number.x * turn.x - number.y * turn.y) * by,
                  (number.x * turn.y + number.y * turn.x) * by);
  }
  if (head < heads) {
    q[(static_cast<unsigned long>(token) * heads + head) * half + i] = pair;
    return;
  }
  const U32 part = (head - heads) / kv_heads, kv_head = (head - heads) % kv_heads;
  const unsigned long slot = first + token / tokens;
  cache[(((part * slots + slot) * kv_heads + kv_head) * context + place) * half + i] = pair;
}

/// out = silu(gate) * value: both [rows, 2, words] (gate, value), out [rows, words], in words of two
/// numbers. Grid: (any, rows).
extern "C" __global__ void corun_decoder_gate(const U32* both, U32* out, U32 words) {
  const unsigned long row = __nvvm_read_ptx_sreg_ctaid_y();
  for (U32 i = device::thread_index(); i < words; i += device::thread_count()) {
    const Two gate = unpacked(both[row * 2 * words + i]);
    const Two value = unpacked(both[row * 2 * words + words + i]);
    out[row * words + i] = packed(gated(gate.x, value.x), gated(gate.y, value.y));
  }
}

/// out = x / sqrt(mean(x²) + epsilon) * weight: x and out [rows, vectors], weight [vectors], in
/// vectors of eight numbers. Grid: rows; whole warps.
extern "C" __global__ void corun_decoder_norm(const U32x4* x, const U32x4* weight, U32x4* out,
                                              U32 vectors, float epsilon) {
  __attribute__((shared)) static float sums[32];
  const U32 thread = __nvvm_read_ptx_sreg_tid_x(), threads = __nvvm_read_ptx_sreg_ntid_x();
  const unsigned long row = __nvvm_read_ptx_sreg_ctaid_x();
  const U32x4* const from = x + row * vectors;
  float sum = 0.0f;
  for (U32 i = thread; i < vectors; i += threads) {
    const U32x4 v = from[i];
    sum += squares(v.x) + squares(v.y) + squares(v.z) + squares(v.w);
  }
  sum = sum_of_warp(sum);
  if (thread % 32 == 0) sums[thread / 32] = sum;
  __syncthreads();
  sum = sum_of_warp(thread % 32 < threads / 32 ? sums[thread % 32] : 0.0f);
  const float by =
      __nvvm_rsqrt_approx_f(sum / (8.0f * static_cast<float>(vectors)) + epsilon);
  const auto scaled = [by](U32 word, U32 factor) {
    const Two number = unpacked(word), w = unpacked(factor);
    return packed(number.x * by * w.x, number.y * by * w.y);
  };
  for (U32 i = thread; i < vectors; i += threads) {
    const U32x4 v = from[i], w = weight[i];
    out[row * vectors + i] = {scaled(v.x, w.x), scaled(v.y, w.y), scaled(v.z, w.z),
                              scaled(v.w, w.w)};
  }
}
