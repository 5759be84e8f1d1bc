#include "core/stats/saturation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/check.h"

namespace corun::stats {

namespace {

/// Time integral over [from, to) of the number of `times` that are not later: each counts from its
/// own moment on.
double integral_of_count(std::span<const double> times, double from, double to) {
  double sum = 0;
  for (const double t : times) sum += std::max(0.0, to - std::max(from, t));
  return sum;
}

}  // namespace

Saturation saturation(std::span<const double> arrivals_s, std::span<const double> completions_s,
                      double window_s) {
  CORUN_CHECK(window_s > 0, "a window without length");
  Saturation result;
  result.offered = static_cast<double>(arrivals_s.size());
  result.served = static_cast<double>(std::count_if(completions_s.begin(), completions_s.end(),
                                                    [&](double t) { return t < window_s; }));
  result.backlog_end = result.offered - result.served;

  double backlog[3] = {};
  const double third = window_s / 3;
  for (int i = 0; i < 3; ++i) {
    const double from = third * i;
    backlog[i] = (integral_of_count(arrivals_s, from, from + third) -
                  integral_of_count(completions_s, from, from + third)) /
                 third;
  }
  result.growth = backlog[2] - backlog[0];
  const bool rises = backlog[0] < backlog[1] && backlog[1] < backlog[2];
  result.saturated = rises && result.growth > std::max(3.0, 0.5 * std::sqrt(result.offered));
  return result;
}

}  // namespace corun::stats
