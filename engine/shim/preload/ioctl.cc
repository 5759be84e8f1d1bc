// The channel-group tap's way in: libcuda calls libc's ioctl. Always the next ioctl, never the
// system call, so that what lies below (a simulated driver, a recorder) is asked.
#include <dlfcn.h>

#include <cerrno>
#include <cstdarg>

#include "engine/shim/log.h"
#include "engine/shim/preload/join.h"
#include "engine/shim/preload/keeper.h"
#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

constinit std::atomic<IoctlFunction> found_ioctl{nullptr};

}  // namespace

IoctlFunction next_ioctl() {
  IoctlFunction function = found_ioctl.load(std::memory_order_acquire);
  if (function == nullptr) {
    if (const DlsymFunction look_up = libc_dlsym()) {
      function = reinterpret_cast<IoctlFunction>(look_up(RTLD_NEXT, "ioctl"));
      found_ioctl.store(function, std::memory_order_release);
    }
  }
  return function;
}

extern "C" __attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  const IoctlFunction function = next_ioctl();
  if (function == nullptr) {
    errno = ENOSYS;
    return -1;
  }
  const int result = function(fd, request, argument);
  if (result == 0 && argument != nullptr && ChannelGroups::of_interest(request) && enabled()) {
    const int saved = errno;
    FileIdentity file;
    if (identify(fd, &file) && machine.groups().on_ioctl(fd, file, request, argument,
                                                         thread_state.making_device, now_ns())) {
      log_debug("channel groups: %d", machine.groups().count());
      kick_keeper(0);
    }
    errno = saved;
  }
  return result;
}

}  // namespace corun::shim
