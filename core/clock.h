// Time as the project uses it: nanoseconds of CLOCK_MONOTONIC, which all processes of one node
// share. Code that decides takes `now` or a Clock, so that tests own the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace corun {

using Nanos = std::chrono::nanoseconds;

/// A point on CLOCK_MONOTONIC.
struct Instant {
  int64_t ns = 0;
  auto operator<=>(const Instant&) const = default;
};
inline Instant operator+(Instant t, Nanos d) { return {t.ns + d.count()}; }
inline Instant operator-(Instant t, Nanos d) { return {t.ns - d.count()}; }
inline Nanos operator-(Instant a, Instant b) { return Nanos(a.ns - b.ns); }

constexpr double to_seconds(Nanos d) { return static_cast<double>(d.count()) * 1e-9; }
constexpr double to_millis(Nanos d) { return static_cast<double>(d.count()) * 1e-6; }
constexpr double to_micros(Nanos d) { return static_cast<double>(d.count()) * 1e-3; }
constexpr Nanos from_seconds(double s) { return Nanos(static_cast<int64_t>(s * 1e9 + 0.5)); }
constexpr Nanos from_micros(double us) { return Nanos(static_cast<int64_t>(us * 1e3 + 0.5)); }

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
};

/// CLOCK_MONOTONIC.
class MonotonicClock final : public Clock {
 public:
  Instant now() const override;
};

/// A clock that a test moves by hand.
class ManualClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  void advance(Nanos d) { now_ = now_ + d; }
  void set(Instant t) { now_ = t; }

 private:
  Instant now_;
};

/// Instant now on CLOCK_MONOTONIC.
Instant monotonic_now();

/// Sleeps until `due` (CLOCK_MONOTONIC, absolute); returns at once when it is past.
void sleep_until(Instant due);

/// Wall-clock time as unix seconds.
double unix_now();
/// Wall-clock time as RFC 3339 in UTC, e.g. "2026-01-31T12:00:00Z".
std::string utc_now_rfc3339();

}  // namespace corun
