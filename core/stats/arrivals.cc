#include "core/stats/arrivals.h"

#include <algorithm>
#include <cmath>
#include <numbers>

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

std::vector<Nanos> bursty_arrivals(double per_second, const Bursts& bursts, Nanos length,
                                   uint64_t seed) {
  CORUN_CHECK(per_second > 0, "arrivals need a rate");
  CORUN_CHECK(bursts.share > 0 && bursts.share < 1 && bursts.length > Nanos(0),
              "bursts need a share of the time and a length");
  CORUN_CHECK(bursts.ratio >= 1 && bursts.ratio * bursts.share <= 1,
              "bursts cannot hold more than all arrivals");
  const double busy_rate = per_second * bursts.ratio;
  const double quiet_rate = per_second * (1 - bursts.ratio * bursts.share) / (1 - bursts.share);
  const double busy_s = to_seconds(bursts.length);
  const double quiet_s = busy_s * (1 - bursts.share) / bursts.share;

  Random random(seed);
  std::vector<Nanos> arrivals;
  const double end_s = to_seconds(length);
  bool busy = random.uniform() < bursts.share;
  for (double from = 0; from < end_s; busy = !busy) {
    const double until = std::min(end_s, from + random.exponential(busy ? busy_s : quiet_s));
    // Exponential gaps have no memory: each state draws its own, from its beginning on.
    const double rate = busy ? busy_rate : quiet_rate;
    const auto gap = [&] { return rate > 0 ? random.exponential(1 / rate) : end_s; };
    for (double t = from + gap(); t < until; t += gap()) {
      const Nanos at = from_seconds(t);
      if (at < length) arrivals.push_back(at);
    }
    from = until;
  }
  return arrivals;
}

std::vector<Nanos> diurnal_arrivals(double per_second, const Day& day, Nanos length,
                                    uint64_t seed) {
  CORUN_CHECK(per_second > 0, "arrivals need a rate");
  CORUN_CHECK(day.length > Nanos(0) && day.night >= 0 && day.night <= 1,
              "a day needs a length, and a night of at most its noon");
  const double swing = (1 - day.night) / (1 + day.night);  // of the rate around its mean
  const double noon_rate = per_second * (1 + swing);
  const double day_s = to_seconds(day.length);
  Random random(seed);
  const auto gap = [&] { return random.exponential(1 / noon_rate); };
  std::vector<Nanos> arrivals;
  // Drawn at noon's rate, and kept with the probability that the hour's rate has of it.
  for (const Nanos at : arrivals_with(gap(), length, gap)) {
    const double angle = 2 * std::numbers::pi * to_seconds(at) / day_s;
    const double rate = per_second * (1 - swing * std::cos(angle));
    if (random.uniform() * noon_rate < rate) arrivals.push_back(at);
  }
  return arrivals;
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
