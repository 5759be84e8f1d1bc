#include "benchmarking/tenant_figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/stats/quantile.h"
#include "core/stats/saturation.h"
#include "core/stats/summary.h"

namespace corun::benchmarking {

namespace {

constexpr size_t kSubWindows = 20;
constexpr size_t kMinLagSamples = 20;

// Requests of the window, in order of their scheduled times.
struct Requests {
  RequestSamples all;      ///< scheduled inside the window
  std::vector<double> ms;  ///< scheduled to end
  std::vector<double> service_ms;
};

Requests ordered(const RequestSamples& samples, double window_s) {
  std::vector<size_t> order(samples.scheduled_us.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return samples.scheduled_us[a] < samples.scheduled_us[b];
  });
  Requests requests;
  for (size_t i : order) {
    double scheduled = samples.scheduled_us[i];
    if (scheduled < 0 || scheduled >= window_s * 1e6) continue;
    requests.all.scheduled_us.push_back(scheduled);
    requests.all.start_us.push_back(samples.start_us[i]);
    requests.all.end_us.push_back(samples.end_us[i]);
    requests.ms.push_back((samples.end_us[i] - scheduled) * 1e-3);
    requests.service_ms.push_back((samples.end_us[i] - samples.start_us[i]) * 1e-3);
  }
  return requests;
}

stats::ProgressSeries series_of(const TenantRecord& record) {
  stats::ProgressSeries series;
  series.t_s.push_back(0);
  series.items.push_back(0);
  for (size_t i = 0; i < record.progress_t_us.size(); ++i) {
    series.t_s.push_back(record.progress_t_us[i] * 1e-6);
    series.items.push_back(static_cast<double>(record.progress_items[i]));
  }
  // The last items before the window's end are in `done` only.
  if (record.done && record.done->t_us * 1e-6 >= series.t_s.back()) {
    series.t_s.push_back(record.done->t_us * 1e-6);
    series.items.push_back(std::max(series.items.back(), static_cast<double>(record.done->items)));
  }
  return series;
}

Estimate rate_of(const stats::ProgressSeries& series, double window_s, uint64_t seed) {
  double sub = window_s / kSubWindows;
  std::vector<double> items;
  for (size_t i = 0; i < kSubWindows; ++i) {
    double from = sub * static_cast<double>(i);
    items.push_back(stats::items_at(series, from + sub) - stats::items_at(series, from));
  }
  Estimate rate = stats::summarise_rate(items, sub, seed);
  rate.value = stats::items_at(series, window_s) / window_s;
  return rate;
}

void add_latencies(TenantFigures& figures, const Requests& requests, double window_s,
                   uint64_t unanswered, uint64_t seed) {
  const RequestSamples& all = requests.all;
  figures.open_loop = !std::equal(all.scheduled_us.begin(), all.scheduled_us.end(),
                                  all.start_us.begin(), all.start_us.end());
  std::vector<double> arrivals_s, completions_s;
  for (double t : all.scheduled_us) arrivals_s.push_back(t * 1e-6);
  for (double t : all.end_us) completions_s.push_back(t * 1e-6);
  if (figures.open_loop) {
    double n = static_cast<double>(arrivals_s.size() + unanswered);
    figures.offered = n / window_s;
    figures.generator_lag_p99_us = generator_lag_p99(all);
    // Those still unanswered half a window later were dropped by the workload.
    figures.saturated =
        unanswered > 0 || stats::saturation(arrivals_s, completions_s, window_s).saturated;
  }
  if (requests.ms.empty()) return;
  if (figures.saturated) {
    figures.latency_ms.emplace().n = requests.ms.size();
  } else {
    size_t per_second = static_cast<size_t>(static_cast<double>(requests.ms.size()) / window_s);
    figures.latency_ms = stats::summarise_latency(requests.ms, per_second, seed);
    figures.service_ms = stats::summarise_latency(requests.service_ms, per_second, seed);
  }
}

std::optional<double> over(const std::optional<double>& bound, double by) {
  return bound ? std::optional(*bound / by) : std::nullopt;
}

}  // namespace

std::optional<Estimate> TenantFigures::performance() const {
  if (!rate || !open_loop) return rate;
  if (!offered || *offered <= 0) return std::nullopt;
  return Estimate{rate->value / *offered, over(rate->low, *offered), over(rate->high, *offered)};
}

std::optional<double> generator_lag_p99(const RequestSamples& requests) {
  std::vector<double> lags;
  double busy_until = -1;
  for (size_t i = 0; i < requests.scheduled_us.size(); ++i) {
    if (requests.scheduled_us[i] > busy_until) {
      lags.push_back(requests.start_us[i] - requests.scheduled_us[i]);
    }
    busy_until = std::max(busy_until, requests.end_us[i]);
  }
  if (lags.size() < kMinLagSamples) return std::nullopt;
  std::sort(lags.begin(), lags.end());
  return stats::quantile_of_sorted(lags, 0.99);
}

TenantFigures figures_of_tenant(const TenantRecord& record, double window_s, uint64_t seed) {
  TenantFigures figures;
  figures.series = series_of(record);
  if (figures.series.t_s.size() > 1) figures.rate = rate_of(figures.series, window_s, seed);
  if (!record.requests.scheduled_us.empty()) {
    uint64_t unanswered = record.done ? record.done->unanswered : 0;
    add_latencies(figures, ordered(record.requests, window_s), window_s, unanswered, seed);
  }
  return figures;
}

}  // namespace corun::benchmarking
