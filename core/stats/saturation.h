// Whether an open-loop server kept up: a backlog that grows over the window makes every latency
// percentile a figure about the window's length, so it is withheld.
#pragma once

#include <span>

namespace corun::stats {

struct Saturation {
  bool saturated = false;
  double offered = 0;      ///< arrivals in the window
  double served = 0;       ///< completions in the window
  double growth = 0;       ///< mean backlog of the last third minus that of the first, requests
  double backlog_end = 0;  ///< requests unanswered at the window's end
};

/// `arrivals_s`: scheduled arrivals inside [0, window_s); `completions_s`: completion times of
/// those that were answered, any order, later than window_s allowed. Saturated: the mean backlog
/// rises from third to third of the window, by more than max(3, sqrt(arrivals)/2) in all. (A queue
/// below capacity wanders by a few requests; above capacity it grows in proportion to arrivals.)
Saturation saturation(std::span<const double> arrivals_s, std::span<const double> completions_s,
                      double window_s);

}  // namespace corun::stats
