// A driver library for tests: every hooked symbol exists, counts its calls and succeeds. What has
// to answer more is defined in functions.cc, whose strong symbols win.
#include "engine/shim/preload/hook_table.h"
#include "tests/shim/driver/fake_driver.h"

unsigned long fake_counts[corun::shim::kSlots];

extern "C" {
#define FAKE_SYMBOL(symbol, ...)                                  \
  __attribute__((weak)) int symbol() {                            \
    __atomic_fetch_add(&FAKE_COUNT(symbol), 1, __ATOMIC_RELAXED); \
    return 0;                                                     \
  }
CORUN_ALL_HOOKS(FAKE_SYMBOL)
#undef FAKE_SYMBOL
}
