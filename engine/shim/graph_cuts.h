// Where a graph is cut into segments for the gate: pure, over node numbers
// (docs/adr/0008-graphs-under-the-gate.md).
//
// A wait may stand in front of a node that everything else comes before or after: it then holds up
// all that is left, and nothing that could have run beside it. In a chain that is every node; where
// branches run side by side it is the node that joins them:
//
//       b - c                  in front of a: the launch's own wait, no cut
//     /       \                in front of b, c, d: no, d may run beside b and c
//   a           e - f          in front of e and f: cuts
//     \       /
//         d
//
// A dead end (a copy of a result to the host, say) may run on beside the wait. Segments are as long
// as the launches of a stream between two of its waits: a cut comes before the node with which the
// work since the last cut would reach `every_ns`. Work of side branches counts in full.
#pragma once

#include <cstddef>
#include <cstdint>

namespace corun::shim {

struct GraphShape {
  uint32_t nodes = 0;
  const uint64_t* duration_ns = nullptr;  ///< of each node
  size_t edges = 0;
  const uint32_t* from = nullptr;  ///< of each edge: the node before
  const uint32_t* to = nullptr;    ///< and the node that waits for it
};

/// Writes the nodes that a wait goes in front of to `cuts` (room for all nodes), in the order in
/// which they run; returns how many. None for a shape that is no graph (a cycle, an edge to
/// nowhere) and where there is no memory. Time grows with nodes and edges; of a graph whose
/// branches would take more, the rest stays one segment.
uint32_t graph_cuts(const GraphShape& shape, uint64_t every_ns, uint32_t* cuts);

}  // namespace corun::shim
