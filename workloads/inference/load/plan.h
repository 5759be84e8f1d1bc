// What is sent when: drawn before a window, so that a slow server delays no arrival.
#pragma once

#include <optional>
#include <vector>

#include "core/stats/arrivals.h"
#include "workloads/inference/load/trace.h"

namespace corun::inference {

enum class Arrivals { kPoisson, kConstant, kBursty, kDiurnal, kTrace };

struct ArrivalOptions {
  Arrivals process = Arrivals::kPoisson;
  stats::Bursts bursts;
  stats::Day day;
  // Of text, where there is no trace that says it:
  uint64_t prompt_tokens = 128;
  uint64_t answer_tokens = 32;
  // Of a trace:
  Nanos offset{0};
  double speed = 1;  ///< all gaps are divided by it
};

/// `rate`: requests/s of a process that is drawn, > 0; `trace`: of Arrivals::kTrace, else null.
/// The same arguments give the same plan. A trace does not depend on the seed.
std::vector<TraceRow> plan_requests(const ArrivalOptions& options, double rate, const Trace* trace,
                                    Nanos length, uint64_t seed);

/// The request of a warm-up. Its windows end with the answers that were begun, which for full texts
/// over many connections takes longer than a warm-up may; so they are short ones, unless what a
/// full answer takes is wanted: for a load, which is a part of it.
TraceRow warm_request(const ArrivalOptions& options, bool for_load);

}  // namespace corun::inference
