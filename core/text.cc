#include "core/text.h"

#include <algorithm>

namespace corun {

std::string one_line(std::string_view text) {
  std::string line(text);
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  };
  std::replace_if(line.begin(), line.end(), is_control, '?');
  return line;
}

}  // namespace corun
