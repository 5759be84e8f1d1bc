#include "workloads/synthetic/schedule.h"

#include <cmath>

#include "core/stats/arrivals.h"

namespace corun::synthetic {

std::vector<Nanos> draw_arrivals(ArrivalProcess process, double rate, Nanos length, uint64_t seed) {
  switch (process) {
    case ArrivalProcess::kPoisson:
      return stats::poisson_arrivals(rate, length, seed);
    case ArrivalProcess::kConstant:
      return stats::constant_arrivals(rate, length, seed);
  }
  return {};
}

Nanos draw(const LogNormal& distribution, stats::Random& random) {
  return from_seconds(to_seconds(distribution.median) *
                      std::exp(distribution.sigma * random.normal()));
}

}  // namespace corun::synthetic
