// From a cell that ran to its rows, its cell record and its verdict. Two steps, because progress
// needs the solo runs after the block too: measure() right after the cell, settle() when the
// brackets around it are known (again when more is known). Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "benchmarking/bracket.h"
#include "benchmarking/cell.h"
#include "benchmarking/cells.h"
#include "benchmarking/device_figures.h"
#include "benchmarking/tenant_figures.h"
#include "benchmarking/void_rules.h"
#include "core/row.h"

namespace corun::benchmarking {

/// What all cells of a run have in common in their records.
struct RunIdentity {
  std::string run;
  GpuInfo gpu;
  std::optional<double> idle_power_w;
};

/// What identifies a cell in the records.
struct CellIdentity {
  std::string id;
  std::string mode;  ///< "solo" for a solo run
  std::string mix;
  int rep = 0;
  bool solo = false;
};

struct MeasuredCell {
  CellIdentity identity;
  std::vector<std::string> solo_identities;  ///< one per workload (mix.h)
  std::vector<double> weights;
  std::vector<bool> silent;
  std::vector<TenantFigures> figures;
  int turns = 1;        ///< n when the workloads took turns, else 1
  double window_s = 0;  ///< of the whole cell
  CellFacts facts;
  std::vector<ResultRow> rows;
  CellRecord record;
  std::vector<Violation> advice;  ///< what would void it in a full run
};

/// Figures without progress. `seed` is of the bootstraps.
MeasuredCell measure(const RunIdentity& run, const CellIdentity& identity,
                     const CellOutcome& outcome, uint64_t seed);

/// Progress and what follows from it, and the void rules, from the solo runs that are known so far.
/// `complete`: both brackets of the block have run, so that a missing one is a fault.
void settle(MeasuredCell& cell, const BracketBook& solos, const VoidLimits& limits, bool complete);

}  // namespace corun::benchmarking
