// What the shim remembers of each thread: trivially made, so that looking at it costs one load.
#pragma once

#include <cstdint>

namespace corun::shim {

struct ThreadState {
  uint32_t depth = 0;      ///< hooks that the thread is inside of
  uint32_t capturing = 0;  ///< captures that the thread began and did not end
  int making_device = -1;  ///< device of the context that the thread is making, or -1
};

// The library is loaded with the program, so its thread state has a fixed place.
// NOLINTNEXTLINE(bugprone-dynamic-static-initializers)
extern thread_local constinit ThreadState thread_state __attribute__((tls_model("initial-exec")));

}  // namespace corun::shim
