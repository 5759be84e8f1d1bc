// A container engine's HTTP answer: anything may come from a socket.
#include "monitoring/container_names.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun::monitoring;
  const std::string_view text = corun::fuzz::text_of(data, size);
  const auto body = http_body(text);
  const auto found = parse_containers(body ? *body : text);
  if (!found) return 0;
  for (const auto& [id, name] : *found) {
    CORUN_CHECK(!id.empty(), "every entry has an id");
    CORUN_CHECK(!name.name || name.name->find('\n') == std::string::npos, "one line");
  }
  return 0;
}
