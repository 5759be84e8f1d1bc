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

}  // namespace corun::inference
