#include "engine/shim/preload/host_room.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "engine/shim/areas.h"
#include "engine/shim/log.h"
#include "engine/shim/older_glibc.h"
#include "engine/shim/preload/process.h"

namespace corun::shim {

namespace {

constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14
constexpr char kMaps[] = "/proc/self/maps";
/// Of the whole process: one parks at a time.
constinit std::atomic<bool> searching{false};

struct Search {
  const DeviceState* device = nullptr;
  uint64_t until_ns = 0;
  uint64_t budget = 0;  ///< bytes that may yet be touched
  AreaList known;
};
constinit Search search;

/// An area that several threads touch, piece by piece.
struct RoomWork {
  Area area;
  std::atomic<uint64_t> next{0};
  std::atomic<uint32_t> threads{0};
};
constinit RoomWork room;

void touch_room() {
  while (true) {
    const uint64_t begin = room.next.fetch_add(kRoomPiece, std::memory_order_relaxed);
    if (begin >= room.area.end) {
      return;
    }
    const uint64_t bytes = std::min(kRoomPiece, room.area.end - begin);
    if (madvise(reinterpret_cast<void*>(begin), bytes, kPopulateWrite) != 0) {
      return;  // the map is gone, memory is short, or the kernel is older: the driver does it alone
    }
  }
}

void* touch_along(void*) {
  prctl(PR_SET_NAME, "corun-room", 0, 0, 0);
  touch_room();
  room.threads.fetch_sub(1, std::memory_order_release);
  return nullptr;
}

/// Waits for a change of the word, but not for long.
void rest_on(const std::atomic<uint32_t>& word, uint32_t seen) {
  const timespec limit{.tv_sec = 0, .tv_nsec = static_cast<long>(kRoomLookNs)};
  syscall(SYS_futex, &word, FUTEX_WAIT, seen, &limit, nullptr, 0);
}

/// Begins at a page: areas do.
void touch_all(const Area& area) {
  const uint64_t begin_ns = now_ns();
  madvise(reinterpret_cast<void*>(area.begin), area.bytes(), MADV_HUGEPAGE);
  room.area = area;
  room.next.store(area.begin, std::memory_order_relaxed);
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  const long helpers = std::clamp(processors / 4, 1L, kRoomThreads) - 1;
  for (long i = 0; i < helpers; ++i) {
    pthread_t thread;
    room.threads.fetch_add(1, std::memory_order_relaxed);
    if (pthread_create(&thread, nullptr, touch_along, nullptr) == 0) {
      pthread_detach(thread);
    } else {
      room.threads.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  touch_room();
  while (const uint32_t others = room.threads.load(std::memory_order_acquire)) {
    rest_on(room.threads, others);
  }
  log_debug("room for parking: %llu bytes in %.3f s", static_cast<unsigned long long>(area.bytes()),
            static_cast<double>(now_ns() - begin_ns) * 1e-9);
}

/// One new area, if there is one: touched, and known from then on.
bool look_once() {
  Area found;
  for (AreaReader reader(kMaps); reader.next(kRoomLeast, &found);) {
    const Area part = search.known.unknown_part(found);
    if (part.begin >= part.end || part.bytes() < kRoomLeast) {
      continue;
    }
    if (part.bytes() > search.budget || !search.known.add(part)) {
      search.budget = 0;
      return false;
    }
    search.budget -= part.bytes();
    touch_all(part);
    return true;
  }
  return false;
}

void* search_room(void*) {
  prctl(PR_SET_NAME, "corun-room", 0, 0, 0);
  ++thread_state.depth;  // what this thread calls is nobody's work
  while (search.budget >= kRoomLeast && machine.parked(*search.device) &&
         now_ns() < search.until_ns) {
    if (!look_once()) {
      const std::atomic<uint32_t>& armed =
          search.device->pages.load(std::memory_order_acquire)->session->hot.armed;
      rest_on(armed, armed.load(std::memory_order_acquire));
    }
  }
  searching.store(false, std::memory_order_release);
  return nullptr;
}

}  // namespace

void begin_making_room(const DeviceState& device, uint64_t bytes) {
  if (bytes < kRoomLeast || searching.load(std::memory_order_acquire)) {
    return;
  }
  search.device = &device;
  search.until_ns = now_ns() + kRoomPatienceNs;
  search.budget = bytes + bytes / 4 + kRoomBesides;
  search.known.clear();
  Area area;
  for (AreaReader reader(kMaps); reader.next(kRoomKnown, &area);) {
    if (!search.known.add(area)) {
      return;  // so many large areas that new ones cannot be told from them
    }
  }
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  searching.store(true, std::memory_order_relaxed);
  pthread_t thread;
  if (pthread_create(&thread, nullptr, search_room, nullptr) == 0) {
    pthread_detach(thread);
  } else {
    searching.store(false, std::memory_order_relaxed);
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

void reset_room() { searching.store(false, std::memory_order_relaxed); }

}  // namespace corun::shim
