#include "workloads/synthetic/open_loop.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/stats/quantile.h"

namespace corun::synthetic {

namespace {

std::optional<std::string> lag_note(std::vector<double> lags_us) {
  if (lags_us.empty()) return std::nullopt;
  std::sort(lags_us.begin(), lags_us.end());
  return fmt::format("generator lag: p50 {:.1f} us, p99 {:.1f} us, largest {:.1f} us",
                     stats::quantile_of_sorted(lags_us, 0.5),
                     stats::quantile_of_sorted(lags_us, 0.99), lags_us.back());
}

}  // namespace

Result<OpenLoop> serve_arrivals(const std::vector<Nanos>& arrivals, const Window& window,
                                const tenant::Waiter& waiter, Recorder& recorder,
                                const std::function<Status()>& serve) {
  std::vector<double> lags_us;
  lags_us.reserve(arrivals.size());
  uint64_t answered = 0;
  Instant server_free = window.start;
  waiter.until(window.start);
  for (const Nanos arrival : arrivals) {
    const Instant scheduled = window.start + arrival;
    const Instant due = std::max(scheduled, server_free);
    const Instant start = waiter.until(due);
    if (start >= window.give_up() || !recorder.listening()) break;
    CORUN_TRY(serve());
    server_free = monotonic_now();
    recorder.request(scheduled, start, server_free);
    lags_us.push_back(to_micros(start - due));
    ++answered;
  }
  waiter.until(window.end());
  return OpenLoop{.outcome = {.unanswered = arrivals.size() - answered},
                  .note = lag_note(std::move(lags_us))};
}

}  // namespace corun::synthetic
