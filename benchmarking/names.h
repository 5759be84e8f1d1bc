// Names of workloads and mixes: they become parts of file names and cell ids.
#pragma once

#include <algorithm>
#include <string_view>

namespace corun::benchmarking {

inline constexpr size_t kMaxName = 40;
inline constexpr char kNameRule[] =
    "use lower-case letters, digits and '-', beginning with a letter, at most 40";

inline bool is_name(std::string_view text) {
  auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  auto allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= kMaxName && letter(text.front()) &&
         std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace corun::benchmarking
