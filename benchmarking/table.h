// The table that `corun bench` prints: modes x workloads, at most 100 columns wide.
#pragma once

#include <string>

#include "benchmarking/figures.h"

namespace corun::benchmarking {

struct TableOptions {
  bool color = false;  ///< ANSI colours; only for a terminal
};

/// Plain text, ends with a line feed. Figures that n cannot support are "-".
std::string table(const Figures& figures, const TableOptions& options);

}  // namespace corun::benchmarking
