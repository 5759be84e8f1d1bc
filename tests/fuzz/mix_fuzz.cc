// A mix file, and the command line of --tenant. An error begins with the file's name.
#include "benchmarking/mix.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun::benchmarking;
  const std::string_view text = corun::fuzz::text_of(data, size);
  if (const auto mix = parse_mix(text, "m.yaml"); !mix) {
    CORUN_CHECK(mix.error().what.starts_with("m.yaml:"), "no place in: " + mix.error().what);
  }
  if (const auto tenant = tenant_from_argument(text, {})) {
    CORUN_CHECK(!(*tenant).workload.command.empty(), "a tenant has a command");
  }
  return 0;
}
