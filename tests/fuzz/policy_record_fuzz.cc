// A log of the policy: it is replayed or refused, and what can be read reads back the same.
#include "engine/policy/record.h"
#include "tests/fuzz/fuzz.h"

namespace {

void round_trip(std::string_view line) {
  using corun::policy::event_line;
  using corun::policy::parse_event_line;
  const auto event = parse_event_line(line, "line");
  if (!event) {
    CORUN_CHECK(!event.error().what.empty(), "a refusal says why");
    return;
  }
  const std::string written = event_line(event->event, event->at);
  const auto again = parse_event_line(written, "line");
  CORUN_CHECK(again.has_value(), "a written event is readable: " + written);
  CORUN_CHECK(event_line(again->event, again->at) == written, "it reads back the same: " + written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view log = corun::fuzz::text_of(data, size);
  for (std::string_view rest = log; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    round_trip(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto once = corun::policy::replay(log, "log");
  if (!once) return 0;
  CORUN_CHECK(once->decided == corun::policy::replay(log, "log")->decided,
              "a log decides the same again");
  return 0;
}
