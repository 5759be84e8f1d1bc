// The packet with which a workload joins, before anything believes it.
#include "engine/daemon/join.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun;
  const daemon::ParsedJoin parsed = daemon::parse_join(std::as_bytes(std::span(data, size)));
  if (parsed.status != wire::JoinStatus::kWelcome) {
    CORUN_CHECK(!parsed.why.empty(), "a refusal says why");
    return 0;
  }
  CORUN_CHECK(size == sizeof(wire::JoinRequest), "a request has its size");
  CORUN_CHECK(daemon::is_workload_name(parsed.ask.workload.name), "a workload has a usable name");
  CORUN_CHECK(parsed.ask.workload.weight > 0 && parsed.ask.workload.weight <= 1000, "weight");
  return 0;
}
