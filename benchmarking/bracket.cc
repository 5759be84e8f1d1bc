#include "benchmarking/bracket.h"

#include <cmath>

#include "core/stats/compare.h"

namespace corun::benchmarking {

namespace {

std::optional<double> mean_of(const std::optional<double>& a, const std::optional<double>& b) {
  if (a && b) return (*a + *b) / 2;
  return a ? a : b;
}

// Independent errors: half-widths add in squares.
Estimate mean_of(const Estimate& a, const Estimate& b) {
  Estimate mean{(a.value + b.value) / 2, {}, {}};
  if (a.low && a.high && b.low && b.high) {
    double half = std::hypot((*a.high - *a.low) / 2, (*b.high - *b.low) / 2) / 2;
    mean.low = mean.value - half;
    mean.high = mean.value + half;
  }
  return mean;
}

std::optional<double> change(const std::optional<double>& before,
                             const std::optional<double>& after) {
  if (!before || !after || *before <= 0) return std::nullopt;
  return *after / *before - 1;
}

}  // namespace

std::optional<SoloRun> Brackets::reference() const {
  if (!before || !after) return before ? before : after;
  return SoloRun{.performance = mean_of(before->performance, after->performance),
                 .rate = (before->rate + after->rate) / 2,
                 .p50_ms = mean_of(before->p50_ms, after->p50_ms),
                 .p99_ms = mean_of(before->p99_ms, after->p99_ms)};
}

std::optional<double> Brackets::rate_drift() const {
  if (!before || !after) return std::nullopt;
  return change(before->performance.value, after->performance.value);
}

std::optional<double> Brackets::p50_drift() const {
  if (!before || !after) return std::nullopt;
  return change(before->p50_ms, after->p50_ms);
}

std::optional<SoloRun> solo_run(const TenantFigures& figures) {
  auto performance = figures.performance();
  if (!performance || performance->value <= 0) return std::nullopt;
  SoloRun run{.performance = *performance, .rate = figures.rate->value, .p50_ms = {}, .p99_ms = {}};
  if (figures.latency_ms && figures.latency_ms->p50) run.p50_ms = figures.latency_ms->p50->value;
  if (figures.latency_ms && figures.latency_ms->p99) run.p99_ms = figures.latency_ms->p99->value;
  return run;
}

void BracketBook::add(const std::string& identity, size_t bracket,
                      const std::optional<SoloRun>& run) {
  runs_[{identity, bracket}] = run;
}

bool BracketBook::has(const std::string& identity, size_t bracket) const {
  return runs_.contains({identity, bracket});
}

Brackets BracketBook::around(const std::string& identity, int rep) const {
  auto find = [&](size_t bracket) -> std::optional<SoloRun> {
    auto found = runs_.find({identity, bracket});
    return found == runs_.end() ? std::nullopt : found->second;
  };
  return {.before = find(static_cast<size_t>(rep)), .after = find(static_cast<size_t>(rep) + 1)};
}

std::optional<Estimate> progress_of(const Estimate& shared, const SoloRun& solo) {
  if (solo.performance.value <= 0) return std::nullopt;
  if (auto ratio = stats::ratio_of_estimates(solo.performance, shared)) return ratio->estimate();
  return Estimate{shared.value / solo.performance.value, {}, {}};
}

}  // namespace corun::benchmarking
