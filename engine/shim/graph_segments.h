// A graph with waits for gates between its segments, made from a clone that belongs to the shim.
#pragma once

#include "engine/shim/driver.h"
#include "engine/shim/estimates.h"

namespace corun::shim {

/// The wait nodes that were put into a graph.
struct Waits {
  GraphNodeHandle* nodes = nullptr;  ///< from malloc
  uint32_t count = 0;
};

/// Puts nodes with `operations` between segments of about `every_ns` into `graph`. `total_ns` is
/// how long the graph was measured to run (0: never): where it is known, the estimates of the
/// kernels only tell how it divides. The estimates are by function, as of launches outside of
/// graphs.
///
/// kWhole: the graph is to be gated whole. It is short, has no place for a cut, has nodes that may
/// wait for others or cannot be looked into (host functions, semaphores, memory operations,
/// memory, conditions), or edges that carry data. The graph may then have been changed.
/// kUnmeasured: neither the graph nor one of its kernels was ever measured, so that waits could
/// stand much too close. Nothing was changed.
enum class Cut { kDone, kWhole, kUnmeasured };
Cut cut_graph(const Driver& driver, const Estimates& estimates, GraphHandle graph,
              uint64_t total_ns, uint64_t every_ns, const cuda::BatchMemoryOpNodeParams& operations,
              Waits* waits);

/// Whether the driver has all that cutting needs.
bool can_cut(const Driver& driver);

}  // namespace corun::shim
