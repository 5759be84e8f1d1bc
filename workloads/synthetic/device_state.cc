#include "workloads/synthetic/device_state.h"

namespace corun::synthetic {

Result<DeviceState> DeviceState::create(const gpu::Driver& driver, uint64_t seed) {
  StateModel model(seed, kWords);
  CORUN_ASSIGN(gpu::DeviceMemory memory,
               gpu::DeviceMemory::allocate(driver, kWords * sizeof(uint32_t)));
  CORUN_TRY(memory.copy_from(model.initial().data(), memory.bytes()));
  return DeviceState(std::move(model), std::move(memory));
}

Status DeviceState::corrupt() {
  CORUN_ASSIGN(std::vector<uint32_t> words, read());
  words[kWords / 2] ^= 1U;
  return memory_.copy_from(words.data(), memory_.bytes());
}

Result<std::vector<uint32_t>> DeviceState::read() const {
  std::vector<uint32_t> words(kWords);
  CORUN_TRY(memory_.copy_to(words.data(), memory_.bytes()));
  return words;
}

Result<Verification> verify(std::span<const DeviceState> states) {
  uint64_t hash = hash_words({});
  bool ok = true;
  for (const DeviceState& state : states) {
    CORUN_ASSIGN(const std::vector<uint32_t> words, state.read());
    hash = hash_words(words, hash);
    ok = ok && words == state.expected();
  }
  return Verification{hash_text(hash), ok};
}

}  // namespace corun::synthetic
