// One frame of the terminal view: a snapshot as lines. Pure.
#pragma once

#include <vector>

#include "monitoring/snapshot.h"
#include "monitoring/term/line.h"
#include "monitoring/term/slice_tape.h"
#include "monitoring/term/view.h"

namespace corun::monitoring {

struct Size {
  size_t columns = 80;
  size_t rows = 24;
  bool operator==(const Size&) const = default;
};

/// Exactly `size.rows` lines for a screen, none wider than `size.columns`.
std::vector<Line> screen(const Snapshot& snapshot, const SliceTape& tape, const ViewState& view,
                         Size size);
/// Everything, in as many lines as it takes; without what only a screen needs.
std::vector<Line> listing(const Snapshot& snapshot, const SliceTape& tape, const ViewState& view,
                          size_t columns);

// The parts of a frame.
Line head_line(const Snapshot& snapshot, const ViewState& view, size_t columns);
/// `brief`: one line a GPU instead of two, for many GPUs.
std::vector<Line> gpu_lines(const Gpu& gpu, size_t columns, bool brief);
/// With their column heads.
std::vector<Line> workload_lines(const Snapshot& snapshot, const SliceTape& tape,
                                 const ViewState& view, size_t columns);
/// `rows` at most, with the column heads; the chosen process is among them.
std::vector<Line> process_lines(const Snapshot& snapshot, const ViewState& view, size_t columns,
                                size_t rows);
std::vector<Line> help_lines();
Line foot_line(const ViewState& view, size_t columns);

/// "▐███▌   ▌": `share` 0..1 of `columns`.
std::string bar(double share, size_t columns);

}  // namespace corun::monitoring
