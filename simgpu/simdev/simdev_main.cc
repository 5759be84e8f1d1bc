// libsimdev.so: preloaded behind libcorun.so, it stands for the kernel module below a simulated
// driver. The driver attaches what answers device calls on its own descriptors, and what opens the
// node's device files; every other call goes on to the next ioctl or open.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstring>

#include "core/abi/sim.h"

namespace {

corun::sim::DeviceCall* attached_call = nullptr;
corun::sim::DeviceOpen* attached_open = nullptr;

using Ioctl = int(int, unsigned long, ...);

int call_next(int fd, unsigned long request, void* argument) {
  static auto* next = reinterpret_cast<Ioctl*>(dlsym(RTLD_NEXT, "ioctl"));
  if (next != nullptr) return next(fd, request, argument);
  return static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
}

/// Whether it may be a device file of an NVIDIA GPU; most paths are not.
bool may_be_device(const char* path) {
  constexpr char kPrefix[] = "/dev/nvidia";
  return path != nullptr && std::strncmp(path, kPrefix, sizeof kPrefix - 1) == 0;
}

using Open = int(const char*, int, ...);

int open_file(const char* path, int flags, mode_t mode) {
  auto* device_open = __atomic_load_n(&attached_open, __ATOMIC_ACQUIRE);
  int result = -1;
  if (device_open != nullptr && may_be_device(path) && device_open(path, &result)) return result;
  static auto* next = reinterpret_cast<Open*>(dlsym(RTLD_NEXT, "open"));
  if (next != nullptr) return next(path, flags, mode);
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

/// The mode is there only where the flags say so.
mode_t mode_of(int flags, va_list rest) {
  return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void corun_simdev_attach(
    corun::sim::DeviceCall* answer, corun::sim::DeviceOpen* open) {
  __atomic_store_n(&attached_call, answer, __ATOMIC_RELEASE);
  __atomic_store_n(&attached_open, open, __ATOMIC_RELEASE);
}

extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request,
                                                            ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  auto* answer = __atomic_load_n(&attached_call, __ATOMIC_ACQUIRE);
  int result = 0;
  if (answer != nullptr && answer(fd, request, argument, &result)) return result;
  return call_next(fd, request, argument);
}

extern "C" __attribute__((visibility("default"))) int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return open_file(path, flags, mode);
}

extern "C" __attribute__((visibility("default"))) int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return open_file(path, flags | O_LARGEFILE, mode);
}
