// What operations do to bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace corun::simgpu::driver {

/// Clears `count` bytes of simulated device memory. Whole pages are given back to the system, so
/// that clearing a large allocation costs no memory.
void clear_device_bytes(std::byte* to, uint64_t count);
/// Sets `count` 32-bit words.
void fill_words(std::byte* to, uint32_t value, uint64_t count);
/// The checksum step of the synthetic kernels on `count` uint32 words, modulo 2^32:
/// word = word * 1664525 + 1013904223 + addend.
void lcg_step(std::byte* state, uint64_t count, uint32_t addend);

}  // namespace corun::simgpu::driver
