#include "engine/shim/preload/real.h"

#include <dlfcn.h>

#include <atomic>
#include <cstring>

#include "engine/shim/older_glibc.h"

// Where this library lies: set by the linker.
extern "C" {
extern const char __ehdr_start __attribute__((visibility("hidden")));
extern const char _end __attribute__((visibility("hidden")));
}

namespace corun::shim {

namespace {

constinit std::atomic<DlsymFunction> found_libc_dlsym{nullptr};
constinit std::atomic<DlsymFunction> found_next_dlsym{nullptr};
constinit std::atomic<void*> noted[kSlots] = {};
constinit std::atomic<void*> bottom[kSlots] = {};
constinit std::atomic<void*> cuda_library{nullptr};
constinit std::atomic<void*> nvml_library{nullptr};

/// The library that is already loaded under this name; never loads one.
void* library(std::atomic<void*>& known, const char* name) {
  void* handle = known.load(std::memory_order_acquire);
  if (handle == nullptr) {
    handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    known.store(handle, std::memory_order_release);
  }
  return handle;
}

void* look_up_next(const char* symbol) {
  void* function = libc_dlsym()(RTLD_NEXT, symbol);
  return function != nullptr && !is_own(function) ? function : exported_at(symbol);
}

}  // namespace

DlsymFunction libc_dlsym() {
  DlsymFunction function = found_libc_dlsym.load(std::memory_order_acquire);
  if (function == nullptr) {
    for (const char* version : {"GLIBC_2.34", "GLIBC_2.2.5"}) {
      function = reinterpret_cast<DlsymFunction>(dlvsym(RTLD_NEXT, "dlsym", version));
      if (function != nullptr) {
        found_libc_dlsym.store(function, std::memory_order_release);
        break;
      }
    }
  }
  return function;
}

DlsymFunction next_dlsym() {
  DlsymFunction function = found_next_dlsym.load(std::memory_order_acquire);
  const DlsymFunction libc = function == nullptr ? libc_dlsym() : nullptr;
  if (libc != nullptr) {
    void* nearer = libc(RTLD_NEXT, "dlsym");
    function = nearer == nullptr || is_own(nearer) ? libc : reinterpret_cast<DlsymFunction>(nearer);
    found_next_dlsym.store(function, std::memory_order_release);
  }
  return function;
}

void* exported_at(const char* symbol) {
  void* handle = strncmp(symbol, "nvml", 4) == 0 ? library(nvml_library, "libnvidia-ml.so.1")
                                                 : library(cuda_library, "libcuda.so.1");
  return handle == nullptr ? nullptr : libc_dlsym()(handle, symbol);
}

bool is_own(const void* address) {
  return address >= static_cast<const void*>(&__ehdr_start) &&
         address < static_cast<const void*>(&_end);
}

void* next_of(Slot slot) {
  const int index = static_cast<int>(slot);
  const bool nested = thread_state.depth > 0;
  std::atomic<void*>& place = nested ? bottom[index] : noted[index];
  void* function = place.load(std::memory_order_acquire);
  if (function == nullptr) {
    function = nested ? exported_at(hooks[index].symbol) : look_up_next(hooks[index].symbol);
    place.store(function, std::memory_order_release);
  }
  return function;
}

void note_next(int slot, void* function) { noted[slot].store(function, std::memory_order_release); }

void find_driver(Driver* found) {
#define CORUN_FIND(name, symbol, parameters) \
  found->name = reinterpret_cast<decltype(found->name)>(exported_at(#symbol));
  CORUN_SHIM_DRIVER_FUNCTIONS(CORUN_FIND)
  CORUN_SHIM_GRAPH_FUNCTIONS(CORUN_FIND)
#undef CORUN_FIND
}

}  // namespace corun::shim
