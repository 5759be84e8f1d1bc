// What viewers and files may bring: a request's target, an order, a recording, a stored chunk.
#include "monitoring/block_codec.h"
#include "monitoring/orders.h"
#include "monitoring/points.h"
#include "monitoring/recording.h"
#include "monitoring/request_target.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corun::monitoring;
  const std::string_view text = corun::fuzz::text_of(data, size);
  if (const auto target = parse_target(text)) {
    CORUN_CHECK(target->path.starts_with('/'), "a path begins with a slash");
  }
  const size_t cut = text.find('\n');
  (void)parse_order(text.substr(0, cut), cut == std::string_view::npos ? "" : text.substr(cut));
  (void)is_our_host(text, {});
  (void)decode_points(text);
  (void)decode_blocks(text);
  if (const auto recording = Recording::parse(std::string(text), "input", true)) {
    for (size_t i = 0; i < recording->size(); ++i) (void)recording->news(i);
  }
  return 0;
}
