#include "engine/shim/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "engine/shim/environment.h"

namespace corun::shim {

namespace {

bool wanted() {
  static constinit std::atomic<int> state{-1};
  int known = state.load(std::memory_order_relaxed);
  if (known < 0) {
    known = strcmp(environment("CORUN_LOG"), "debug") == 0 ? 1 : 0;
    state.store(known, std::memory_order_relaxed);
  }
  return known == 1;
}

}  // namespace

void log_debug(const char* format, ...) {
  if (!wanted()) {
    return;
  }
  char line[512];
  int used = snprintf(line, sizeof line, "corun[%d]: ", static_cast<int>(getpid()));
  va_list arguments;
  va_start(arguments, format);
  const int more =
      vsnprintf(line + used, sizeof line - static_cast<size_t>(used) - 1, format, arguments);
  va_end(arguments);
  used += more < 0 ? 0 : more;
  if (used > static_cast<int>(sizeof line) - 2) {
    used = static_cast<int>(sizeof line) - 2;
  }
  line[used] = '\n';
  // Nothing sensible is left to do when standard error is gone.
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line, static_cast<size_t>(used) + 1);
}

}  // namespace corun::shim
