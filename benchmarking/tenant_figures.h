// The figures of one workload in one window, from what it said. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "benchmarking/tenant.h"
#include "core/row.h"
#include "core/stats/fairness.h"

namespace corun::benchmarking {

struct TenantFigures {
  /// Items per second inside the window, with its interval; nothing for a silent command.
  std::optional<Estimate> rate;
  bool open_loop = false;         ///< requests were scheduled, not issued one after another
  std::optional<double> offered;  ///< open loop: scheduled arrivals per second
  std::optional<LatencySummary> latency_ms;
  std::optional<LatencySummary> service_ms;
  bool saturated = false;
  std::optional<double> generator_lag_p99_us;
  /// Cumulative items over time inside the window, without a solo rate.
  stats::ProgressSeries series;

  /// What sharing changes: the rate of a closed loop; the answered part of what an open loop was
  /// offered (two seeds offer different rates, which is no effect of sharing).
  std::optional<Estimate> performance() const;
};

/// `window_s` > 0: the length of this workload's window. `seed` is of the bootstrap.
TenantFigures figures_of_tenant(const TenantRecord& record, double window_s, uint64_t seed);

/// p99 of how late requests were started that found the server idle: what the load generator adds.
/// Nothing for fewer than 20 such requests. Precondition: equal sizes, ascending `scheduled_us`.
std::optional<double> generator_lag_p99(const RequestSamples& requests);

}  // namespace corun::benchmarking
