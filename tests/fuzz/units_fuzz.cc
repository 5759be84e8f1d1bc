// Sizes and durations from the command line and from mixes.
#include <cstdlib>

#include "core/units.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = corun::fuzz::text_of(data, size);
  if (const auto bytes = corun::parse_bytes(text)) {
    CORUN_CHECK(!corun::format_bytes(*bytes).empty(), "a size prints");
  }
  if (const auto duration = corun::parse_duration(text)) {
    CORUN_CHECK((*duration).count() >= 0, "a duration is not negative");
  }
  return 0;
}
