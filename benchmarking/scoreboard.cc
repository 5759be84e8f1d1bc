#include "benchmarking/scoreboard.h"

#include <fmt/format.h>

#include <algorithm>

#include "benchmarking/format.h"

namespace corun::benchmarking {

namespace {

bool is_critical(const WorkloadFigures& w) {
  return w.service_class == ServiceClass::kLatencyCritical;
}

bool is_open_loop(const WorkloadFigures& w) { return w.offered.has_value(); }

/// Whose tails count in this mode.
std::vector<const WorkloadFigures*> tails(const ModeFigures& mode) {
  std::vector<const WorkloadFigures*> found;
  for (const auto& chosen : {is_critical, is_open_loop}) {
    for (const WorkloadFigures& w : mode.workloads) {
      if (chosen(w) && (w.inflation || w.saturated)) found.push_back(&w);
    }
    if (!found.empty()) break;
  }
  return found;
}

Score score(const ModeFigures& mode, const WorkloadFigures* tail) {
  Score s;
  s.mode = mode.mode;
  s.mix = mode.mix;
  if (tail != nullptr) {
    s.workload = tail->workload;
    s.saturated = tail->saturated;
    s.inflation = tail->inflation;
    s.p99_verdict = tail->p99_verdict;
  }
  for (const WorkloadFigures& w : mode.workloads) {
    if (&w == tail || is_open_loop(w) || !w.progress) continue;
    ++s.closed_loop;
    if (s.progress && s.progress->value <= w.progress->value) continue;
    s.slowest = w.workload;
    s.progress = w.progress;
    s.progress_verdict = w.progress_verdict;
  }
  return s;
}

std::string in_brackets(const std::optional<stats::Verdict>& verdict) {
  return verdict ? fmt::format(" ({})", stats::to_string(*verdict)) : "";
}

}  // namespace

std::vector<Score> scoreboard(const Figures& figures) {
  std::vector<Score> scores;
  for (const ModeFigures& mode : figures.modes) {
    if (mode.mode == "solo" || mode.workloads.empty()) continue;
    const auto critical = tails(mode);
    for (const WorkloadFigures* tail : critical) scores.push_back(score(mode, tail));
    if (!critical.empty()) continue;
    Score only = score(mode, nullptr);
    if (only.closed_loop > 0) scores.push_back(std::move(only));
  }
  return scores;
}

std::string tail_text(const Score& score) {
  if (score.workload.empty()) return "";
  if (score.saturated || !score.inflation) return score.workload + " saturated";
  return fmt::format("{} p99 {}x solo{}", score.workload, number(score.inflation->value),
                     in_brackets(score.p99_verdict));
}

std::string progress_text(const Score& score) {
  if (!score.progress) return "";
  const std::string who =
      score.closed_loop == 1 ? "" : fmt::format("slowest of {}: ", score.closed_loop);
  return fmt::format("{}{} {}{}", who, score.slowest, number(score.progress->value),
                     in_brackets(score.progress_verdict));
}

}  // namespace corun::benchmarking
