/* Hints from an application to corun, in plain C (C99 with GCC's or clang's atomics) and C++.
 *
 * A latency-critical workload closes a gate around its bursts of GPU work. corun finds out by
 * itself where a burst begins (the first launch) and ends (its streams have drained). An
 * application that knows better says so: around the work of one request it calls
 *
 *     corun_burst_begin();
 *     ... launches, copies, synchronisation ...
 *     corun_burst_end();
 *
 * From the first call on, corun trusts the application: launches outside of a pair do not close the
 * gate any more. Calls nest, per process; begin and end may come from different threads. Between
 * begin and end the daemon still opens a gate that is closed for longer than its --max-burst.
 *
 * Nothing has to be linked: each function is looked up once, in libcorun.so if that is loaded
 * (`corun run` preloads it); without it they do nothing, and corun_present() is 0. With a C library
 * before glibc 2.34, link with -ldl. No function blocks or fails.
 */
#pragma once

#include <dlfcn.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What libcorun.so exports. */
#define CORUN_SYMBOL_BURST_BEGIN "corun_burst_begin" /* void (void) */
#define CORUN_SYMBOL_BURST_END "corun_burst_end"     /* void (void) */
#define CORUN_SYMBOL_PRESENT "corun_present"         /* int (void) */

#ifndef CORUN_IMPLEMENTATION /* set by libcorun.so, which defines these functions itself */

union corun_function {
  void* address;
  void (*hint)(void);
  int (*question)(void);
};

/* Looks `name` up at the first call. `*state`: 0 not asked yet, 1 known. */
static inline union corun_function corun_look_up(const char* name, void** cache, int* state) {
  union corun_function found;
  if (__atomic_load_n(state, __ATOMIC_ACQUIRE) == 0) {
    __atomic_store_n(cache, dlsym((void*)0 /* RTLD_DEFAULT */, name), __ATOMIC_RELAXED);
    __atomic_store_n(state, 1, __ATOMIC_RELEASE);
  }
  found.address = __atomic_load_n(cache, __ATOMIC_RELAXED);
  return found;
}

/* 1 if libcorun.so is loaded and this process is a session of a daemon right now, else 0. */
static inline int corun_present(void) {
  static void* cache;
  static int state;
  const union corun_function f = corun_look_up(CORUN_SYMBOL_PRESENT, &cache, &state);
  return f.address != (void*)0 ? f.question() : 0;
}

/* The work of one request begins: the gate closes at its first launch. */
static inline void corun_burst_begin(void) {
  static void* cache;
  static int state;
  const union corun_function f = corun_look_up(CORUN_SYMBOL_BURST_BEGIN, &cache, &state);
  if (f.address != (void*)0) f.hint();
}

/* All work of the request is launched: the gate opens when the GPU has finished it. */
static inline void corun_burst_end(void) {
  static void* cache;
  static int state;
  const union corun_function f = corun_look_up(CORUN_SYMBOL_BURST_END, &cache, &state);
  if (f.address != (void*)0) f.hint();
}

#endif /* CORUN_IMPLEMENTATION */

#ifdef __cplusplus
}
#endif
