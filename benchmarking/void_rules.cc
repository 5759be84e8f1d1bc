#include "benchmarking/void_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace corun::benchmarking {

namespace {

constexpr std::string_view kLagRule = "generator-lag";
constexpr std::string_view kDriftRule = "bracket-drift";

std::string_view rule_of(Failure failure) {
  switch (failure) {
    case Failure::kNone:
      return "";
    case Failure::kNotStarted:
      return "not-started";
    case Failure::kNeverReady:
      return "never-ready";
    case Failure::kEarlyExit:
      return "early-exit";
    case Failure::kHang:
      return "hang";
    case Failure::kProtocol:
      return "protocol";
    case Failure::kOwnError:
      return "workload-error";
  }
  return "";
}

std::string_view words_of(Failure failure) {
  switch (failure) {
    case Failure::kNone:
      return "";
    case Failure::kNotStarted:
      return "could not be started";
    case Failure::kNeverReady:
      return "never got ready";
    case Failure::kEarlyExit:
      return "ended too early";
    case Failure::kHang:
      return "hung";
    case Failure::kProtocol:
      return "broke the row protocol";
    case Failure::kOwnError:
      return "gave up";
  }
  return "";
}

void check_tenant(const TenantFacts& tenant, const VoidLimits& limits,
                  std::vector<Violation>& found) {
  auto add = [&](std::string_view rule, std::string text) {
    found.push_back({.rule = rule, .workload = tenant.workload, .text = std::move(text)});
  };
  if (tenant.failure != Failure::kNone) {
    add(rule_of(tenant.failure),
        fmt::format("{}: {}", words_of(tenant.failure), tenant.failure_text));
    return;  // what it did before it failed breaks other rules as a consequence
  }
  if (tenant.longest_silence_s > limits.max_silence_s) {
    add("not-active",
        fmt::format("made no progress for {:.2f} s of the window", tenant.longest_silence_s));
  }
  if (tenant.checksum_ok == false) add("checksum", "its results have a wrong checksum");
  if (tenant.generator_lag_p99_us) {
    double solo_us = tenant.solo_p99_ms.value_or(0) * 1e3;
    double bound = std::max(limits.lag_us, limits.lag_of_solo_p99 * solo_us);
    if (*tenant.generator_lag_p99_us > bound) {
      add(kLagRule, fmt::format("its load generator was late (p99 {:.0f} us, bound {:.0f})",
                                *tenant.generator_lag_p99_us, bound));
    }
  }
}

void check_brackets(const TenantFacts& tenant, const VoidLimits& limits,
                    std::vector<Violation>& found) {
  auto add = [&](std::string_view rule, std::string text) {
    found.push_back({.rule = rule, .workload = tenant.workload, .text = std::move(text)});
  };
  if (tenant.solo_missing) add("bracket-missing", "a solo run beside this block is void");
  auto drifted = [](std::optional<double> drift, double bound) {
    return drift && std::abs(*drift) > bound;
  };
  if (drifted(tenant.solo_rate_drift, limits.bracket_drift)) {
    add(kDriftRule, fmt::format("its solo rate changed by {:+.1f} % over the block",
                                100 * *tenant.solo_rate_drift));
  }
  double p50_bound = limits.bracket_drift;
  if (tenant.solo_p50_ms && *tenant.solo_p50_ms > 0) {
    p50_bound = std::max(p50_bound, limits.p50_drift_us / (1e3 * *tenant.solo_p50_ms));
  }
  if (drifted(tenant.solo_p50_drift, p50_bound)) {
    add(kDriftRule, fmt::format("its solo p50 changed by {:+.1f} % over the block",
                                100 * *tenant.solo_p50_drift));
  }
}

void check_device(const CellFacts& facts, const VoidLimits& limits, std::vector<Violation>& found) {
  for (const std::string& process : facts.foreign_processes) {
    found.push_back(
        {"foreign-process", "", fmt::format("foreign process on the GPU: {}", process)});
  }
  for (const std::string& event : facts.gpu_events) {
    found.push_back(
        {.rule = "gpu-event", .workload = "", .text = fmt::format("GPU event: {}", event)});
  }
  auto reason = [&](uint64_t bit, const char* text) {
    if ((facts.clock_reasons & bit) == 0) return;
    found.push_back({.rule = "throttle",
                     .workload = "",
                     .text = fmt::format("the GPU was slowed down: {}", text)});
  };
  reason(kReasonHardwareThermal, "hardware thermal limit");
  reason(kReasonSoftwareThermal, "thermal limit");
  reason(kReasonPowerBrake, "external power brake");
  // The general bit is set together with those that name the cause.
  bool named = (facts.clock_reasons & (kReasonHardwareThermal | kReasonPowerBrake)) != 0;
  if (!named) reason(kReasonHardwareSlowdown, "hardware slow-down");
  if (facts.solo && facts.lowest_clock_share &&
      *facts.lowest_clock_share < limits.min_clock_share) {
    found.push_back({"low-clock", "",
                     fmt::format("the SM clock fell to {:.0f} % in a solo run (bound {:.0f} %)",
                                 100 * *facts.lowest_clock_share, 100 * limits.min_clock_share)});
  }
}

}  // namespace

VoidLimits VoidLimits::quick() {
  VoidLimits limits;
  limits.timing_voids = false;
  return limits;
}

std::vector<Violation> broken_rules(const CellFacts& facts, const VoidLimits& limits) {
  std::vector<Violation> found;
  if (facts.setup_error)
    found.push_back({.rule = "setup", .workload = "", .text = *facts.setup_error});
  if (facts.mode_error)
    found.push_back({.rule = "mode", .workload = "", .text = *facts.mode_error});
  for (const TenantFacts& tenant : facts.tenants) check_tenant(tenant, limits, found);
  check_device(facts, limits, found);
  for (const TenantFacts& tenant : facts.tenants) check_brackets(tenant, limits, found);
  if (facts.undo_error) {
    found.push_back(
        {"undo", "", fmt::format("the mode could not be undone: {}", *facts.undo_error)});
  }
  for (Violation& violation : found) {
    bool timing = violation.rule == kLagRule || violation.rule == kDriftRule;
    violation.advisory = timing && !limits.timing_voids;
  }
  return found;
}

std::vector<Violation> void_reasons(const CellFacts& facts, const VoidLimits& limits) {
  std::vector<Violation> found = broken_rules(facts, limits);
  std::erase_if(found, [](const Violation& violation) { return violation.advisory; });
  return found;
}

std::string reason_text(const std::vector<Violation>& violations) {
  std::string text;
  for (const Violation& violation : violations) {
    if (!text.empty()) text += "; ";
    if (!violation.workload.empty()) text += violation.workload + ": ";
    text += violation.text;
  }
  return text;
}

}  // namespace corun::benchmarking
