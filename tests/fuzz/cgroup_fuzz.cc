// /proc/PID/cgroup and cmdline of any process: an id is 64 hexadecimal digits, and a UID has no
// underscore.
#include <algorithm>

#include "containers/attribution.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun::containers;
  const std::string_view text = corun::fuzz::text_of(data, size);
  if (const auto container = container_of(text)) {
    CORUN_CHECK(container->id.size() == 64, "whole");
    CORUN_CHECK(container->id.find_first_not_of("0123456789abcdef") == std::string::npos, "hex");
    CORUN_CHECK(!container->pod || container->pod->uid.find('_') == std::string::npos, "dashes");
    CORUN_CHECK(!container->runtime.empty(), "a runtime is always told");
  }
  if (const auto kept = container_kept_by(text)) {
    CORUN_CHECK(kept->id.size() == 64 && kept->short_id == kept->id.substr(0, 12), "whole");
  }
  CORUN_CHECK(command_of(text).size() <= kMaxCommandBytes, "bounded");
  (void)parse_proc_stat(text);
  (void)parse_proc_status(text);
  return 0;
}
