// Daemons, workloads and containers for Prometheus.
#pragma once

#include <string>
#include <vector>

#include "monitoring/exposition.h"
#include "monitoring/snapshot.h"
#include "monitoring/tally.h"

namespace corun::monitoring {

/// `labels`: of each GPU of the snapshot.
void add_daemons(const Snapshot& snapshot, const std::vector<std::string>& labels, Exposition& out);
void add_workloads(const Snapshot& snapshot, const Tally::Counts& counts, Exposition& out);
void add_containers(const Snapshot& snapshot, Exposition& out);

}  // namespace corun::monitoring
