// A CSV file of recorded arrivals: what parses is in order, and can be cut anywhere.
#include "tests/fuzz/fuzz.h"
#include "workloads/inference/load/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun;
  using namespace corun::inference;
  const auto trace = parse_trace(fuzz::text_of(data, size), "t.csv");
  if (!trace) {
    CORUN_CHECK(trace.error().what.starts_with("t.csv:"), "no place in: " + trace.error().what);
    CORUN_CHECK(trace.error().what.find('\n') == std::string::npos, "more than one line");
    return 0;
  }
  CORUN_CHECK(!trace->rows.empty() && trace->rows.front().at == Nanos(0), "begins at nothing");
  for (size_t i = 1; i < trace->rows.size(); ++i) {
    CORUN_CHECK(trace->rows[i - 1].at <= trace->rows[i].at, "in order");
  }
  const Nanos middle = trace->rows[trace->rows.size() / 2].at;
  for (const TraceRow& row : part_of(*trace, middle, std::chrono::seconds(10), 0.5)) {
    CORUN_CHECK(row.at >= Nanos(0) && row.at < std::chrono::seconds(10), "inside");
  }
  return 0;
}
