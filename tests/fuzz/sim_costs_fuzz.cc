// A cost file of the simulated GPU. An error begins with the file's name.
#include <nlohmann/json.hpp>

#include "simgpu/engine/costs.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = corun::parse_json(corun::fuzz::text_of(data, size), "costs");
  if (!json) return 0;
  corun::simgpu::CostTable table;
  if (const auto added = table.add(*json, "costs"); !added) {
    CORUN_CHECK(added.error().what.starts_with("costs"), "no origin in: " + added.error().what);
  }
  return 0;
}
