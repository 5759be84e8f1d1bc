// A profile of the simulated GPU.
#include <nlohmann/json.hpp>

#include "simgpu/engine/profile.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = corun::parse_json(corun::fuzz::text_of(data, size), "profile");
  if (!json) return 0;
  const auto profile = corun::simgpu::profile_from_json(*json, "profile");
  CORUN_CHECK(profile.has_value() || !profile.error().what.empty(), "a refusal says why");
  return 0;
}
