// What the user sees while cells run: a bar with the time left on a terminal, one line per cell
// elsewhere.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "core/clock.h"

namespace corun::benchmarking {

class Progress {
 public:
  /// `clock` and `out` outlive it. `expected`: of all cells together.
  Progress(std::ostream& out, bool terminal, const Clock& clock, size_t cells, Nanos expected);

  void begin_cell(const std::string& label, Nanos expected);
  /// Redraws the bar, at most four times a second; nothing without a terminal.
  void tick();
  /// `reason`: why the cell is void, or empty.
  void end_cell(const std::string& reason);
  /// A cell that became void later, because of its brackets.
  void tell_void(const std::string& cell, const std::string& reason);
  /// Removes the bar.
  void finish();

  /// Expected time until the end: the plan's, corrected by how the cells so far really took.
  Nanos left() const;

 private:
  void draw();
  void clear();
  Nanos spent_in_cell() const { return clock_.now() - cell_begin_; }

  std::ostream& out_;
  bool terminal_;
  const Clock& clock_;
  size_t cells_;
  Nanos expected_;
  size_t done_ = 0;
  Nanos expected_done_{0};
  Nanos really_done_{0};
  std::string label_;
  Nanos cell_expected_{0};
  Instant cell_begin_;
  Instant drawn_;
  bool bar_shown_ = false;
};

/// "0:42", "12:05", "1:02:03".
std::string clock_text(Nanos time);

}  // namespace corun::benchmarking
