#include "core/clock.h"

#include <cerrno>
#include <ctime>

namespace corun {

namespace {
constexpr int64_t kNanosPerSecond = 1'000'000'000;
}

Instant monotonic_now() {
  timespec ts{};
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return {static_cast<int64_t>(ts.tv_sec) * kNanosPerSecond + ts.tv_nsec};
}

Instant MonotonicClock::now() const { return monotonic_now(); }

void sleep_until(Instant due) {
  timespec ts{due.ns / kNanosPerSecond, due.ns % kNanosPerSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, nullptr) == EINTR) {
  }
}

double unix_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string utc_now_rfc3339() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace corun
