// A server's bytes, one at a time and all at once: both give the same answer. (An answer that is
// wrong may be found out earlier in one of the two.)
#include <fmt/format.h>

#include "tests/fuzz/fuzz.h"
#include "workloads/inference/load/response_reader.h"

namespace corun::inference {
namespace {

/// The first whole answer in the bytes, as text; empty: none, or bytes that are no answer.
std::string answer(std::string_view bytes, size_t piece) {
  ResponseReader reader;
  bool whole = false;
  while (!bytes.empty() && !whole) {
    const auto news = reader.add(bytes.substr(0, piece));
    if (!news) return {};
    whole = *news;
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  if (!bytes.empty() || (!whole && !reader.finish())) return {};
  return fmt::format("{} {} {} {} {}", reader.status(), reader.keep_alive(), reader.events(),
                     reader.retry_after_s().value_or(0), reader.body());
}

}  // namespace
}  // namespace corun::inference

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using corun::inference::answer;
  const std::string_view bytes = corun::fuzz::text_of(data, size);
  const std::string at_once = answer(bytes, bytes.size());
  CORUN_CHECK(at_once.empty() || at_once == answer(bytes, 1), "the cut makes a difference");
  return 0;
}
