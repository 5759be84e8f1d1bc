#include "simgpu/driver/effects.h"

#include <sys/mman.h>

#include <cstring>

namespace corun::simgpu::driver {

namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kWorthReleasing = uint64_t{1} << 20;

}  // namespace

void clear_device_bytes(std::byte* to, uint64_t count) {
  if (count < kWorthReleasing) {
    std::memset(to, 0, count);
    return;
  }
  const auto start = reinterpret_cast<uint64_t>(to);
  const uint64_t head = (kPage - start % kPage) % kPage;
  const uint64_t whole = (count - head) / kPage * kPage;
  std::memset(to, 0, head);
  if (madvise(to + head, whole, MADV_DONTNEED) != 0) std::memset(to + head, 0, whole);
  std::memset(to + head + whole, 0, count - head - whole);
}

void fill_words(std::byte* to, uint32_t value, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) std::memcpy(to + i * sizeof value, &value, sizeof value);
}

void lcg_step(std::byte* state, uint64_t count, uint32_t addend) {
  for (uint64_t i = 0; i < count; ++i) {
    uint32_t word = 0;
    std::memcpy(&word, state + i * sizeof word, sizeof word);
    word = word * 1664525u + 1013904223u + addend;
    std::memcpy(state + i * sizeof word, &word, sizeof word);
  }
}

}  // namespace corun::simgpu::driver
