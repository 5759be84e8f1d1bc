// A line of cells.jsonl or telemetry.jsonl: what is read can be written, and reads back the same.
#include <nlohmann/json.hpp>

#include "benchmarking/cells.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace corun::benchmarking;

template <typename T>
void round_trip(const corun::Json& json, corun::Result<T> (*read)(const corun::Json&)) {
  const auto record = read(json);
  if (!record) return;
  const std::string line = corun::to_line(to_json(*record));
  const auto again = read(*corun::parse_json(line, "record"));
  CORUN_CHECK(again.has_value(), "a written record is readable: " + line);
  CORUN_CHECK(corun::to_line(to_json(*again)) == line, "a record reads back the same: " + line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = corun::parse_json(corun::fuzz::text_of(data, size), "record");
  if (!json) return 0;
  round_trip(*json, &cell_record_from_json);
  round_trip(*json, &telemetry_record_from_json);
  return 0;
}
