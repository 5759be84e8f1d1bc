// A line of the control socket: a request, or an error that is one line of JSON.
#include "core/json_values.h"
#include "engine/daemon/requests.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun;
  const auto request = daemon::parse_request(fuzz::text_of(data, size));
  if (request) {
    (void)daemon::changes_something(*request);
    return 0;
  }
  const std::string reply = daemon::error_reply(request.error());
  CORUN_CHECK(reply.find('\n') == std::string::npos, "a reply is one line");
  const auto read = parse_json(reply, "reply");
  CORUN_CHECK(read && (*read)["ok"] == false, "a refusal is a reply: " + reply);
  CORUN_CHECK(!(*read)["error"]["what"].get<std::string>().empty(), "a refusal says why");
  return 0;
}
