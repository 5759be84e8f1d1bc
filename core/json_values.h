// Building JSON values; for .cc files (it includes the whole of nlohmann/json.hpp).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "core/row.h"

namespace corun {

/// The value, or null for nothing.
template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

/// {"value", "low", "high"}, or null for nothing.
inline Json estimate_json(const std::optional<Estimate>& estimate) {
  if (!estimate) return {};
  return {{"value", estimate->value},
          {"low", or_null(estimate->low)},
          {"high", or_null(estimate->high)}};
}

}  // namespace corun
