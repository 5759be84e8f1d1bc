// The node that a verb looks at, without being a workload of it.
#pragma once

#include "cli/node.h"
#include "cli/verb.h"

namespace corun::cli {

/// As Node::open(), but where that would start a simulated node and 'corun run' has one in force,
/// it is that one. Starts an idle one otherwise, and says so. Errors: those of Node::open().
Result<Node> open_watched_node(const NodeChoice& choice, Console& console);

}  // namespace corun::cli
