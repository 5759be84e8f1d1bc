// A request's target, and the body of a generate request: an error is one line.
#include "tests/fuzz/fuzz.h"
#include "workloads/inference/protocol/generate.h"
#include "workloads/inference/protocol/route.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun::inference;
  const std::string_view text = corun::fuzz::text_of(data, size);
  if (const auto route = parse_target(text)) {
    CORUN_CHECK(!route->version || !route->version->empty(), "a version is never empty");
  }
  if (const auto request = parse_generate_request(text); !request) {
    CORUN_CHECK(request.error().text().find('\n') == std::string::npos, "more than one line");
  } else {
    CORUN_CHECK(request->max_tokens >= 1 && request->max_tokens <= kMaxTokens, "bounded");
  }
  return 0;
}
