// A lock that needs no construction and survives fork: a child starts with it open.
#pragma once

#include <pthread.h>
#include <time.h>

#include <cstdint>

#include "engine/shim/older_glibc.h"

namespace corun::shim {

class Lock {
 public:
  void acquire() { pthread_mutex_lock(&mutex_); }
  bool try_acquire() { return pthread_mutex_trylock(&mutex_) == 0; }
  /// For the process's end, where the holder may be a thread that never goes on: one that a signal
  /// handler interrupted to call exit(), or one inside a driver call. False: not had in time.
  bool acquire_within(uint64_t patience_ns) {
    constexpr long kLookNs = 200'000;
    const timespec look = {.tv_sec = 0, .tv_nsec = kLookNs};
    for (uint64_t waited = 0; !try_acquire(); waited += kLookNs) {
      if (waited >= patience_ns) {
        return false;
      }
      nanosleep(&look, nullptr);
    }
    return true;
  }
  void release() { pthread_mutex_unlock(&mutex_); }
  /// In the child of a fork, whose other threads are gone.
  void reset() { mutex_ = PTHREAD_MUTEX_INITIALIZER; }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

class Held {
 public:
  explicit Held(Lock& lock) : lock_(lock) { lock_.acquire(); }
  ~Held() { lock_.release(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  Lock& lock_;
};

}  // namespace corun::shim
