// The functions behind the hooks. `next` is what a hook calls: the driver's function, or the hook
// of another preloaded library in between. A hook that is entered from inside a hook calls the
// driver's own function, so that two preloaded libraries cannot call each other for ever.
#pragma once

#include <cstdint>

#include "engine/shim/driver.h"
#include "engine/shim/preload/hook_table.h"
#include "engine/shim/thread_state.h"

namespace corun::shim {

using DlsymFunction = void* (*)(void* handle, const char* name);

/// The C library's dlsym: resolves RTLD_NEXT from this library's own place. (dlvsym finds it by its
/// version and so passes over another preloaded library's, which has none.) Null: there is none.
DlsymFunction libc_dlsym();
/// What the application's dlsym would be without this library: perhaps another preloaded one's.
DlsymFunction next_dlsym();
/// A symbol of the loaded libcuda (or libnvidia-ml, for nvml…); null when it is not loaded.
void* exported_at(const char* symbol);
/// Whether an address is this library's own.
bool is_own(const void* address);

/// What the hook of `slot` calls, or null: looked up where nothing was noted.
void* next_of(Slot slot);
/// Notes what the application would have called without corun.
void note_next(int slot, void* function);

/// The driver's functions for the shim's own use.
void find_driver(Driver* driver);

class Inside {
 public:
  Inside() { ++thread_state.depth; }
  ~Inside() { --thread_state.depth; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
};

/// Calls what stands behind a hook, with the hook's own parameters.
template <Slot kSlot, class... Parameters>
Code next(Parameters... parameters) {
  auto* function = reinterpret_cast<Code (*)(Parameters...)>(next_of(kSlot));
  if (function == nullptr) {
    return Code::kStubLibrary;  // called although no driver is loaded
  }
  const Inside inside;
  return function(parameters...);
}

}  // namespace corun::shim
