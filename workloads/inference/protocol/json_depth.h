// A bound on nesting, checked before a parser spends memory on every level.
#pragma once

#include <cstddef>
#include <string_view>

namespace corun::inference {

/// Whether arrays and objects in this JSON text nest deeper than `levels`. For text that is no JSON
/// the answer may be either.
bool deeper_than(std::string_view text, size_t levels);

}  // namespace corun::inference
