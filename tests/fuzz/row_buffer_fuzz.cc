// The harness's end of the row protocol, fed in pieces: the first byte is the size of a piece. How
// the bytes are cut must not change what comes out, and small limits must hold.
#include "core/row_channel.h"
#include "tests/fuzz/fuzz.h"

namespace {

constexpr corun::RowLimits kLimits{
    .line_bytes = 256, .bytes_per_second = 1024, .burst_bytes = 2048, .total_bytes = 8192};

/// The messages, and whether the buffer failed.
std::pair<std::vector<corun::Message>, bool> feed(std::string_view text, size_t piece) {
  corun::RowBuffer buffer(kLimits, corun::Instant{0});
  std::vector<corun::Message> all;
  while (!text.empty()) {
    auto messages = buffer.add(text.substr(0, piece), corun::Instant{0});
    if (!messages) return {std::move(all), true};
    all.insert(all.end(), messages->begin(), messages->end());
    text.remove_prefix(std::min(piece, text.size()));
  }
  return {std::move(all), !buffer.finish().has_value()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = 1 + data[0];
  const std::string_view text = corun::fuzz::text_of(data + 1, size - 1);
  const auto in_pieces = feed(text, piece);
  const auto whole = feed(text, text.size());
  CORUN_CHECK(in_pieces.second == whole.second, "pieces fail where the whole does");
  CORUN_CHECK(in_pieces.second || in_pieces.first == whole.first, "pieces give the same messages");
  return 0;
}
