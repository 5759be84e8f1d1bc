// Numbers in lines of text.
#pragma once

#include <charconv>
#include <string_view>

namespace corun::simgpu::testing {

/// The number at the start of `text`; 0 when there is none.
inline int number_in(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace corun::simgpu::testing
