// A line of rows.jsonl: what is read can be written, and reads back the same.
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "core/row.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = corun::parse_json(corun::fuzz::text_of(data, size), "row");
  if (!json) return 0;
  const auto row = corun::result_row_from_json(*json);
  if (!row) return 0;
  const std::string line = corun::to_line(to_json(*row));
  const auto again = corun::result_row_from_json(*corun::parse_json(line, "row"));
  CORUN_CHECK(again.has_value(), "a written row is readable: " + line);
  CORUN_CHECK(corun::to_line(to_json(*again)) == line, "a row reads back the same: " + line);
  return 0;
}
