// How many lengths of time fell between which bounds: a histogram as a daemon tells it.
#pragma once

#include <cstdint>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace corun::client {

struct Lengths {
  std::vector<double> bounds_us;  ///< upper ends, which belong to their part; rising
  std::vector<uint64_t> counts;   ///< of each part, not cumulative; the last is of those above all
  double sum_us = 0;              ///< of all lengths
  bool operator==(const Lengths&) const = default;
};

Json to_json(const Lengths& lengths);
/// Errors (failed): not one, bounds that do not rise, or not one count more than bounds.
Result<Lengths> lengths_from_json(const Json& value);

}  // namespace corun::client
