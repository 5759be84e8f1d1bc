// Room in host memory for what the driver moves there when the process is parked.
//
// For that the driver asks libc for one private map of everything, with MAP_POPULATE: the kernel
// then touches it page by page in one thread, which takes 3.9 s of the 6.0 s in which 8 GiB go
// (results/h200/parking-2). While a process is being parked, such a map is made without that flag
// and touched by several threads at once, in huge pages, before the driver gets it.
#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "engine/shim/log.h"
#include "engine/shim/older_glibc.h"
#include "engine/shim/preload/process.h"
#include "engine/shim/preload/real.h"

namespace corun::shim {

namespace {

constexpr int kMadvisePopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14

using MmapFunction = void* (*)(void*, size_t, int, int, int, off_t);

constinit std::atomic<MmapFunction> found_mmap{nullptr};
constinit std::atomic<bool> finding_mmap{false};

void* mmap_by_system_call(void* at, size_t bytes, int protection, int flags, int file,
                          off_t offset) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}

/// The mmap after this library's. To look it up may need memory, for which an allocator may call
/// mmap: that call goes to the kernel.
MmapFunction next_mmap() {
  MmapFunction function = found_mmap.load(std::memory_order_acquire);
  if (function == nullptr && !finding_mmap.exchange(true, std::memory_order_acquire)) {
    if (const DlsymFunction look_up = libc_dlsym()) {
      function = reinterpret_cast<MmapFunction>(look_up(RTLD_NEXT, "mmap"));
      found_mmap.store(function, std::memory_order_release);
    }
    finding_mmap.store(false, std::memory_order_release);
  }
  return function == nullptr ? mmap_by_system_call : function;
}

/// A map that several threads touch, piece by piece.
struct Room {
  uint64_t end = 0;
  std::atomic<uint64_t> next{0};
  std::atomic<uint32_t> others{0};
};

void touch_pieces(Room& room) {
  while (true) {
    const uint64_t begin = room.next.fetch_add(kRoomPiece, std::memory_order_relaxed);
    if (begin >= room.end) {
      return;
    }
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    if (madvise(reinterpret_cast<void*>(begin), std::min(kRoomPiece, room.end - begin),
                kMadvisePopulateWrite) != 0) {
      return;  // memory is short, or the kernel older than 5.14: whoever uses the map touches it
    }
  }
}

void* touch_along(void* argument) {
  auto& room = *static_cast<Room*>(argument);
  prctl(PR_SET_NAME, "corun-room", 0, 0, 0);
  touch_pieces(room);
  if (room.others.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    syscall(SYS_futex, &room.others, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  return nullptr;
}

void start_helpers(Room& room) {
  const long helpers = std::min(sysconf(_SC_NPROCESSORS_ONLN) / 2, kRoomThreads) - 1;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  for (long i = 0; i < helpers; ++i) {
    pthread_t thread;
    room.others.fetch_add(1, std::memory_order_relaxed);
    if (pthread_create(&thread, nullptr, touch_along, &room) == 0) {
      pthread_detach(thread);
    } else {
      room.others.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

/// Nobody else knows the map yet, so that its end cannot come meanwhile.
void touch_all(void* map, size_t bytes) {
  const uint64_t begin_ns = now_ns();
  madvise(map, bytes, MADV_HUGEPAGE);
  Room room;
  room.next.store(reinterpret_cast<uint64_t>(map), std::memory_order_relaxed);
  room.end = reinterpret_cast<uint64_t>(map) + bytes;
  start_helpers(room);
  touch_pieces(room);
  while (const uint32_t others = room.others.load(std::memory_order_acquire)) {
    syscall(SYS_futex, &room.others, FUTEX_WAIT_PRIVATE, others, nullptr, nullptr, 0);
  }
  log_debug("room for what is parked: %zu bytes in %.3f s", bytes,
            static_cast<double>(now_ns() - begin_ns) * 1e-9);
}

bool room_for_parking(size_t bytes, int flags) {
  constexpr int kWanted = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  return (flags & kWanted) == kWanted && bytes >= kRoomLeast && machine.any_parked();
}

void* mmap_of_any(void* at, size_t bytes, int protection, int flags, int file, off_t offset) {
  const MmapFunction next = next_mmap();
  if (!room_for_parking(bytes, flags)) {
    return next(at, bytes, protection, flags, file, offset);
  }
  void* const map = next(at, bytes, protection, flags & ~MAP_POPULATE, file, offset);
  if (map != MAP_FAILED) {
    const int saved = errno;
    touch_all(map, bytes);
    errno = saved;
  }
  return map;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void* mmap(void* at, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  return mmap_of_any(at, bytes, protection, flags, file, offset);
}

/// The same where offsets have 64 bits.
void* mmap64(void* at, size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  return mmap_of_any(at, bytes, protection, flags, file, offset);
}

}  // extern "C"
#pragma GCC visibility pop

}  // namespace corun::shim
