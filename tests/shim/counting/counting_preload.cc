// A second preloaded library, as a tracer would be: counts launches by interposing the symbol and
// dlsym, finds what comes after it by RTLD_NEXT, answers the kernel module's ioctls, and keeps the
// flags of the last large map.
#include <dlfcn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>

#include <cstdarg>
#include <cstdint>
#include <cstring>

#include "engine/shim/abi.h"

namespace {

using Launch = int (*)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                       void*, void**, void**);
using Dlsym = void* (*)(void*, const char*);
unsigned long launches = 0;
unsigned long slices = 0;
unsigned long last_slice = 0;
unsigned long preempts = 0;
unsigned long map_populates = 0;
Launch next_launch = nullptr;

Dlsym real_dlsym() {
  auto* found = reinterpret_cast<Dlsym>(dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34"));
  return found != nullptr ? found
                          : reinterpret_cast<Dlsym>(dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5"));
}

}  // namespace

extern "C" {

unsigned long counted_launches() { return launches; }
unsigned long counted_slices() { return slices; }
unsigned long counted_last_slice() { return last_slice; }
unsigned long counted_preempts() { return preempts; }
unsigned long counted_map_populates() { return map_populates; }

int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void* stream, void** parameters, void** extra) {
  ++launches;
  if (next_launch == nullptr) {
    next_launch = reinterpret_cast<Launch>(real_dlsym()(RTLD_NEXT, "cuLaunchKernel"));
  }
  return next_launch(function, gx, gy, gz, bx, by, bz, shared, stream, parameters, extra);
}

void* dlsym(void* handle, const char* name) {
  void* found = real_dlsym()(handle, name);
  if (found != nullptr && handle != RTLD_NEXT && strcmp(name, "cuLaunchKernel") == 0) {
    if (found != reinterpret_cast<void*>(&cuLaunchKernel)) {
      next_launch = reinterpret_cast<Launch>(found);
    }
    return reinterpret_cast<void*>(&cuLaunchKernel);
  }
  return found;
}

int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (_IOC_TYPE(request) == corun::rm::kIoctlType) {
    corun::rm::Control control{};
    if (_IOC_NR(request) == corun::rm::kControlNumber) {
      memcpy(&control, argument, sizeof control);
    }
    if (control.command == corun::rm::kSetTimeslice) {
      uint64_t slice = 0;
      // NOLINTNEXTLINE(performance-no-int-to-ptr)
      memcpy(&slice, reinterpret_cast<void*>(control.parameters), sizeof slice);
      __atomic_store_n(&last_slice, slice, __ATOMIC_SEQ_CST);
      __atomic_fetch_add(&slices, 1, __ATOMIC_SEQ_CST);
    } else if (control.command == corun::rm::kPreempt) {
      __atomic_fetch_add(&preempts, 1, __ATOMIC_SEQ_CST);
    }
    return 0;
  }
  static auto* next =
      reinterpret_cast<int (*)(int, unsigned long, ...)>(real_dlsym()(RTLD_NEXT, "ioctl"));
  return next(fd, request, argument);
}

void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  constexpr size_t kLarge = size_t{16} << 20;
  if (bytes >= kLarge) {
    __atomic_store_n(&map_populates, (flags & MAP_POPULATE) != 0 ? 1UL : 0UL, __ATOMIC_SEQ_CST);
  }
  static auto* next = reinterpret_cast<void* (*)(void*, size_t, int, int, int, off_t)>(
      real_dlsym()(RTLD_NEXT, "mmap"));
  return next(at, bytes, protection, flags, file, offset);
}

}  // extern "C"
