// libsimdev.so: preloaded behind libcorun.so, it stands for the kernel module below a simulated
// driver. The driver attaches what answers the device calls on its own descriptors; every other
// call goes on to the next ioctl.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>

#include "core/abi/sim.h"

namespace {

corun::sim::DeviceCall* attached = nullptr;

using Ioctl = int(int, unsigned long, ...);

int call_next(int fd, unsigned long request, void* argument) {
  static auto* next = reinterpret_cast<Ioctl*>(dlsym(RTLD_NEXT, "ioctl"));
  if (next != nullptr) return next(fd, request, argument);
  return static_cast<int>(syscall(SYS_ioctl, fd, request, argument));
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void corun_simdev_attach(
    corun::sim::DeviceCall* answer) {
  __atomic_store_n(&attached, answer, __ATOMIC_RELEASE);
}

extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request,
                                                            ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  auto* answer = __atomic_load_n(&attached, __ATOMIC_ACQUIRE);
  int result = 0;
  if (answer != nullptr && answer(fd, request, argument, &result)) return result;
  return call_next(fd, request, argument);
}
