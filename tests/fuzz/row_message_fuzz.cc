// One line of the row protocol, of either direction: what is read reads back the same.
#include "core/row_message.h"
#include "tests/fuzz/fuzz.h"

namespace {

template <typename T>
void round_trip(const corun::Result<T>& message, corun::Result<T> (*parse)(std::string_view)) {
  if (!message) {
    CORUN_CHECK(!message.error().what.empty(), "a refusal says why");
    return;
  }
  const std::string line = corun::to_line(*message);
  const corun::Result<T> again = parse(line);
  CORUN_CHECK(again.has_value(), "a written line is readable: " + line);
  CORUN_CHECK(*again == *message, "a line reads back the same: " + line);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view line = corun::fuzz::text_of(data, size);
  round_trip(corun::parse_message(line), &corun::parse_message);
  round_trip(corun::parse_command(line), &corun::parse_command);
  return 0;
}
