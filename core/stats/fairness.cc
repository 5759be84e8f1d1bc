#include "core/stats/fairness.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"

namespace corun::stats {

double stp(std::span<const double> x) { return std::accumulate(x.begin(), x.end(), 0.0); }

std::optional<double> antt(std::span<const double> x) {
  double sum = 0;
  for (const double progress : x) {
    if (!(progress > 0)) return std::nullopt;
    sum += 1 / progress;
  }
  if (x.empty()) return std::nullopt;
  return sum / static_cast<double>(x.size());
}

double worst_progress(std::span<const double> x) {
  CORUN_CHECK(!x.empty(), "worst of nothing");
  return *std::min_element(x.begin(), x.end());
}

std::optional<double> jain(std::span<const double> x) {
  double sum = 0;
  double squares = 0;
  for (const double progress : x) {
    sum += progress;
    squares += progress * progress;
  }
  if (!(squares > 0)) return std::nullopt;
  return sum * sum / (static_cast<double>(x.size()) * squares);
}

std::optional<double> weighted_jain(std::span<const double> x, std::span<const double> weights) {
  CORUN_CHECK(x.size() == weights.size(), "one weight per workload");
  std::vector<double> shares;
  for (size_t i = 0; i < x.size(); ++i) {
    CORUN_CHECK(weights[i] > 0, "a weight that is not positive");
    shares.push_back(x[i] / weights[i]);
  }
  return jain(shares);
}

double items_at(const ProgressSeries& series, double t_s) {
  const auto& t = series.t_s;
  const auto after = std::upper_bound(t.begin(), t.end(), t_s);
  if (after == t.begin()) return 0;
  const auto i = static_cast<size_t>(after - t.begin());
  if (after == t.end()) return series.items.back();
  const double part = (t_s - t[i - 1]) / (t[i] - t[i - 1]);
  return series.items[i - 1] + part * (series.items[i] - series.items[i - 1]);
}

std::optional<WindowedJain> jain_over_windows(std::span<const ProgressSeries> workloads,
                                              double from_s, double to_s, double window_s) {
  CORUN_CHECK(window_s > 0, "a window without length");
  const double slack = window_s * 1e-9;
  WindowedJain result{0, 1, 0};
  for (size_t k = 0;; ++k) {
    const double begin = from_s + static_cast<double>(k) * window_s;
    const double end = begin + window_s;
    if (end > to_s + slack) break;
    std::vector<double> shares;
    for (const ProgressSeries& w : workloads) {
      const double rate = (items_at(w, end) - items_at(w, begin)) / window_s;
      shares.push_back(rate / w.solo_rate / w.weight);
    }
    const std::optional<double> index = jain(shares);
    if (!index) continue;
    result.mean += *index;
    result.worst = std::min(result.worst, *index);
    ++result.windows;
  }
  if (result.windows == 0) return std::nullopt;
  result.mean /= static_cast<double>(result.windows);
  return result;
}

}  // namespace corun::stats
