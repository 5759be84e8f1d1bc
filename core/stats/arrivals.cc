#include "core/stats/arrivals.h"

#include <algorithm>

#include "core/check.h"
#include "core/stats/random.h"

namespace corun::stats {

namespace {

template <typename Gap>
std::vector<Nanos> arrivals_with(double first_s, Nanos length, Gap gap) {
  std::vector<Nanos> arrivals;
  const double end_s = to_seconds(length);
  for (double t = first_s; t < end_s; t += gap()) {
    const Nanos at = from_seconds(t);
    if (at < length) arrivals.push_back(at);  // rounding may reach the end itself
  }
  return arrivals;
}

}  // namespace

std::vector<Nanos> poisson_arrivals(double per_second, Nanos length, uint64_t seed) {
  CORUN_CHECK(per_second > 0, "arrivals need a rate");
  Random random(seed);
  const auto gap = [&] { return random.exponential(1 / per_second); };
  return arrivals_with(gap(), length, gap);
}

std::vector<Nanos> constant_arrivals(double per_second, Nanos length, uint64_t seed) {
  CORUN_CHECK(per_second > 0, "arrivals need a rate");
  Random random(seed);
  return arrivals_with(random.uniform() / per_second, length, [&] { return 1 / per_second; });
}

std::vector<Nanos> serve_in_order(std::span<const Nanos> arrivals, Nanos service) {
  std::vector<Nanos> starts;
  starts.reserve(arrivals.size());
  Nanos free_at{0};
  for (const Nanos arrival : arrivals) {
    starts.push_back(std::max(arrival, free_at));
    free_at = starts.back() + service;
  }
  return starts;
}

double md1_mean_wait(double per_second, double service_s) {
  const double rho = per_second * service_s;
  CORUN_CHECK(rho < 1, "an overloaded queue has no mean wait");
  return rho * service_s / (2 * (1 - rho));
}

}  // namespace corun::stats
