#include "workloads/inference/load/plan.h"

#include <algorithm>

#include "core/check.h"

namespace corun::inference {

namespace {

std::vector<Nanos> draw(const ArrivalOptions& options, double rate, Nanos length, uint64_t seed) {
  switch (options.process) {
    case Arrivals::kPoisson:
      return stats::poisson_arrivals(rate, length, seed);
    case Arrivals::kConstant:
      return stats::constant_arrivals(rate, length, seed);
    case Arrivals::kBursty:
      return stats::bursty_arrivals(rate, options.bursts, length, seed);
    case Arrivals::kDiurnal:
      return stats::diurnal_arrivals(rate, options.day, length, seed);
    case Arrivals::kTrace:
      return {};
  }
  return {};
}

}  // namespace

std::vector<TraceRow> plan_requests(const ArrivalOptions& options, double rate, const Trace* trace,
                                    Nanos length, uint64_t seed) {
  if (options.process == Arrivals::kTrace) {
    CORUN_CHECK(trace != nullptr, "a replay needs a trace");
    std::vector<TraceRow> rows = part_of(*trace, options.offset, length, options.speed);
    for (TraceRow& row : rows) {
      if (!trace->has_tokens) {
        row.context_tokens = options.prompt_tokens;
        row.generated_tokens = options.answer_tokens;
      }
      row.generated_tokens = std::max<uint64_t>(row.generated_tokens, 1);
    }
    return rows;
  }
  std::vector<TraceRow> rows;
  for (const Nanos at : draw(options, rate, length, seed)) {
    rows.push_back({at, options.prompt_tokens, options.answer_tokens});
  }
  return rows;
}

TraceRow warm_request(const ArrivalOptions& options, bool for_load) {
  constexpr uint64_t kShort = 16;
  const uint64_t tokens =
      for_load ? options.answer_tokens : std::min<uint64_t>(options.answer_tokens, kShort);
  return {Nanos(0), options.prompt_tokens, tokens};
}

}  // namespace corun::inference
