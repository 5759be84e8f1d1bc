// The same readings under the names that dcgm-exporter gives them, so that dashboards made for it
// work without it.
#pragma once

#include "monitoring/exposition.h"
#include "monitoring/snapshot.h"

namespace corun::monitoring {

void add_dcgm_aliases(const Snapshot& snapshot, Exposition& out);

}  // namespace corun::monitoring
