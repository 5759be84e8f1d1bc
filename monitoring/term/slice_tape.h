// The last seconds of every lane, for the small charts of the terminal view.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "monitoring/snapshot.h"
#include "monitoring/term/line.h"

namespace corun::monitoring {

class SliceTape {
 public:
  /// Keeps what ended at most `keep_s` seconds before the newest block of its lane.
  explicit SliceTape(double keep_s) : keep_s_(keep_s) {}

  void add(const SliceBlock& block);

  /// One of equal parts of a stretch of time; shares 0..1 of it.
  struct Cell {
    double ran = 0;
    double turn = 0;  ///< granted
    double waited = 0;
    double parked = 0;
  };
  std::vector<Cell> cells(const std::string& gpu, const std::string& workload, double from,
                          double to, size_t count) const;
  /// The end of the newest block of all lanes; 0 when there is none.
  double newest() const { return newest_; }

 private:
  struct Piece {
    double begin, end, seconds;
    double Cell::*part;
  };
  static constexpr size_t kMostPieces = 50'000;  ///< of a lane

  double keep_s_;
  double newest_ = 0;
  std::map<std::string, std::deque<Piece>> lanes_;  ///< by "UUID UID/NAME", by their ends
};

/// The cells as text, one column each: height is how much of it ran (where no run is known: was its
/// turn), '·' it waited, '░' it was parked.
void add_strip(Line& line, const std::vector<SliceTape::Cell>& cells);

}  // namespace corun::monitoring
