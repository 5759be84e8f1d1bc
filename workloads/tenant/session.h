// A workload's life under the harness (docs/row-protocol.md) and on its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "core/result.h"
#include "core/row_writer.h"
#include "workloads/tenant/workload.h"

namespace corun::tenant {

/// Follows the harness's commands until stop. A failure is written as an error line as well.
Status serve_harness(Workload& workload, RowWriter& rows);

struct AloneOptions {
  Nanos duration = std::chrono::seconds(10);  ///< length of the window
  uint64_t seed = 1;                          ///< of the arrivals
};
/// Warms up, runs one window and prints a summary on standard output.
/// Errors: those of the workload; (failed) a wrong checksum.
Status run_alone(Workload& workload, const AloneOptions& options);

struct WarmUp {
  double rate = 0;                  ///< of the last window
  std::optional<Error> unsteady{};  ///< it did not become steady: the last rates
};
/// Calibrates, then warms in windows of `window` until the rate is steady, or for `limit`.
/// Errors: those of the workload.
Result<WarmUp> try_to_warm_up(Workload& workload, Nanos limit, Nanos window,
                              double tolerance = 0.02);
/// Calibrates, then warms in windows of `window` until the rate is steady; returns the last rate.
/// Errors (failed): not steady within `limit`, naming the last rates.
Result<double> warm_up(Workload& workload, Nanos limit, Nanos window, double tolerance = 0.02);

}  // namespace corun::tenant
