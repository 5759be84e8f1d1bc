// Breaks on purpose for one input of its corpus, and for those that a short search finds.
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = corun::fuzz::text_of(data, size);
  CORUN_CHECK(!text.starts_with("bug"), "the canary's bug was found, as it should be");
  return 0;
}
