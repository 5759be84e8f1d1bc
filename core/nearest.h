// "Did you mean ...?" for names that users type.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace corun {

/// The known name that is closest to `typed` by edit distance (a swap of neighbours counts one);
/// nothing when none is close enough to be meant.
std::optional<std::string> nearest(std::string_view typed, std::span<const std::string_view> known);

}  // namespace corun
