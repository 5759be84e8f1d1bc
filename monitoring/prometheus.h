// A snapshot for Prometheus. Names and labels: docs/monitoring.md.
#pragma once

#include <string>

#include "monitoring/snapshot.h"
#include "monitoring/tally.h"

namespace corun::monitoring {

/// What the exporter tells of itself.
struct ExporterState {
  double last_cycle_seconds = 0;
  uint64_t viewers = 0;
  uint64_t snapshots_sent = 0;
  uint64_t snapshots_dropped = 0;
  uint64_t history_bytes = 0;
};

struct ExpositionOptions {
  bool openmetrics = false;
  bool dcgm_aliases = true;
};

/// `snapshot` may be null: nothing was collected yet.
std::string prometheus_text(const Snapshot* snapshot, const Tally::Counts& counts,
                            const ExporterState& state, const ExpositionOptions& options);

}  // namespace corun::monitoring
