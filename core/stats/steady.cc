#include "core/stats/steady.h"

#include <algorithm>
#include <numeric>

namespace corun::stats {

bool SteadyState::add(double figure) {
  figures_.push_back(figure);
  return steady();
}

bool SteadyState::steady() const {
  if (figures_.size() < windows_ || windows_ == 0) return false;
  const auto first = figures_.end() - static_cast<std::ptrdiff_t>(windows_);
  const auto [low, high] = std::minmax_element(first, figures_.end());
  const double mean = std::accumulate(first, figures_.end(), 0.0) / static_cast<double>(windows_);
  return mean > 0 && *high - *low <= tolerance_ * mean;
}

}  // namespace corun::stats
