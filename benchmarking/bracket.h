// Solo runs on both sides of a block: what every shared figure is measured against, so that slow
// drift of the machine cancels. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "benchmarking/tenant_figures.h"

namespace corun::benchmarking {

/// One valid solo run of one workload.
struct SoloRun {
  Estimate performance;  ///< see TenantFigures::performance
  double rate = 0;       ///< items/s
  std::optional<double> p50_ms;
  std::optional<double> p99_ms;
};

/// The solo runs of one workload around one block.
struct Brackets {
  std::optional<SoloRun> before;
  std::optional<SoloRun> after;

  /// Mean of the valid ones, with the combined interval; nothing without any.
  std::optional<SoloRun> reference() const;
  /// after/before - 1; nothing without both.
  std::optional<double> rate_drift() const;
  std::optional<double> p50_drift() const;
};

/// Nothing when the figures have no rate.
std::optional<SoloRun> solo_run(const TenantFigures& figures);

/// Solo runs of a whole run, by workload identity and bracket number.
class BracketBook {
 public:
  void add(const std::string& identity, size_t bracket, const std::optional<SoloRun>& run);
  /// Whether this solo run took place (valid or not).
  bool has(const std::string& identity, size_t bracket) const;
  /// Those around block `rep`.
  Brackets around(const std::string& identity, int rep) const;

 private:
  std::map<std::pair<std::string, size_t>, std::optional<SoloRun>> runs_;
};

/// shared over solo performance, with its interval where both have one.
std::optional<Estimate> progress_of(const Estimate& shared, const SoloRun& solo);

}  // namespace corun::benchmarking
