// What every fuzzer needs: the input as text, and a check that is never compiled out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace corun::fuzz {

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace corun::fuzz
