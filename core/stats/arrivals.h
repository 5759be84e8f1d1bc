// Open-loop arrivals, drawn before the run: a late server never delays the next arrival.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/clock.h"

namespace corun::stats {

/// Arrival times from the window's start, ascending, all inside [0, length), exponential gaps.
/// The same seed gives the same times everywhere.
std::vector<Nanos> poisson_arrivals(double per_second, Nanos length, uint64_t seed);
/// Equal gaps; the first arrival falls at a seeded phase inside the first gap.
std::vector<Nanos> constant_arrivals(double per_second, Nanos length, uint64_t seed);

/// Bursts: a Poisson process that changes between a quiet and a busy state of exponential lengths
/// (a Markov-modulated Poisson process with two states).
struct Bursts {
  double ratio = 4;                        ///< rate in a burst over the mean rate, at least 1
  double share = 0.1;                      ///< of the time spent in bursts; ratio * share <= 1
  Nanos length = std::chrono::seconds(1);  ///< of a burst, on average
};
/// `per_second` is the mean rate over both states. The first state is drawn by their shares.
/// Precondition: the bounds of `bursts`; 0 < share < 1; length > 0.
std::vector<Nanos> bursty_arrivals(double per_second, const Bursts& bursts, Nanos length,
                                   uint64_t seed);

/// A day: a Poisson process whose rate follows a cosine from night to noon and back.
struct Day {
  Nanos length = std::chrono::seconds(60);  ///< of a whole day
  double night = 0.1;                       ///< least rate over largest rate, 0 to 1
};
/// `per_second` is the mean rate of a whole day; the window begins at night.
/// Precondition: the bounds of `day`; length > 0.
std::vector<Nanos> diurnal_arrivals(double per_second, const Day& day, Nanos length, uint64_t seed);

/// Start of service of each arrival at one first-come-first-served server with a fixed service
/// time: the sleeping fake device of the generator's self-test.
std::vector<Nanos> serve_in_order(std::span<const Nanos> arrivals, Nanos service);
/// Mean wait (s) of an M/D/1 queue: rho * D / (2 (1 - rho)). Precondition: rho < 1.
double md1_mean_wait(double per_second, double service_s);

}  // namespace corun::stats
