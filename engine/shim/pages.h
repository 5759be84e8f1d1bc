// The pages of one session as this process sees them. A Pages object never moves and is never freed
// while the process lives: a launch may hold it, and the GPU may look at its memory.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/wire/session_page.h"
#include "engine/shim/abi.h"

namespace corun::shim {

/// Words that a stream can wait for: the gates of the device and, last, the session's own turn.
inline constexpr int kWords = wire::kMaxGates + 1;
inline constexpr int kTurnIndex = wire::kMaxGates;

struct Pages {
  wire::SessionPage* session = nullptr;
  wire::GatePage* gates[wire::kMaxGates] = {};
  bool gate_writable[wire::kMaxGates] = {};
  DevicePtr words[kWords] = {};  ///< device addresses, valid after registration
  enum Registration : uint32_t { kNone, kRunning, kDone, kImpossible };
  std::atomic<uint32_t> registration{kNone};
  ContextHandle registered_in = nullptr;
  uint32_t registrations = 0;  ///< how often: the words' device addresses are of the last one

  /// The gate that this session may close now, or -1: what the daemon wrote, checked.
  int own_gate() const {
    const int32_t gate = session->hot.gate.load(std::memory_order_relaxed);
    return gate >= 0 && gate < wire::kMaxGates && gates[gate] != nullptr && gate_writable[gate]
               ? gate
               : -1;
  }
};

}  // namespace corun::shim
