// One cell: one mode, one mix, one window. Everything that it changes on the node is undone before
// it returns, whatever happened.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "benchmarking/barrier.h"
#include "benchmarking/gpu_watch.h"
#include "benchmarking/matrix.h"
#include "benchmarking/tenant.h"
#include "benchmarking/void_rules.h"
#include "core/cpus.h"
#include "core/row.h"
#include "core/signals.h"
#include "modes/mode.h"

namespace corun::benchmarking {

/// What stays the same over all cells of a run. All pointers outlive the run.
struct CellSite {
  GpuInfo gpu;
  GpuWatch* watch = nullptr;
  const InterruptGuard* interrupt = nullptr;  ///< may be null
  CpuBudget cpus;
  int largest_mix = 1;  ///< workloads of the largest cell
  /// What makes a command see this node's GPU: put in front of the variables' values.
  std::map<std::string, std::string> node_prepend_env;
  Edits container;                    ///< the same for a container, besides
  std::filesystem::path program_dir;  ///< corun's own workloads
  std::filesystem::path log_dir;      ///< must exist
  Windows windows;
  std::function<void()> tick;  ///< runs now and then; for the progress bar
};

struct CellRequest {
  std::string id;
  bool solo = false;
  modes::Mode* mode = nullptr;
  std::vector<TenantSpec> tenants;
  std::vector<uint64_t> seeds;  ///< one per tenant
};

struct TenantResult {
  TenantSpec spec;
  TenantRecord record;
  TenantWindow window;
  Failure failure = Failure::kNone;
  std::string failure_text;
  bool silent = false;
  std::vector<int> pids;                  ///< inside the window
  std::optional<uint64_t> memory_bytes;   ///< device memory at the window's end, from the driver
  std::optional<ManagedFigures> managed;  ///< from the end of the warm-up to the window's end
};

struct CellOutcome {
  std::vector<TenantResult> tenants;  ///< in the request's order
  bool took_turns = false;
  bool interrupted = false;  ///< by the user: the cell was not completed and is no result
  Instant begin;             ///< the window in which all were active (all turns together)
  Instant end;
  std::vector<GpuSnapshot> snapshots;  ///< from before the start until after the stop
  std::optional<std::string> setup_error, mode_error, undo_error;
  std::vector<std::string> foreign_processes;
  std::vector<std::string> gpu_events;
};

CellOutcome run_cell(const CellSite& site, const CellRequest& request);

}  // namespace corun::benchmarking
