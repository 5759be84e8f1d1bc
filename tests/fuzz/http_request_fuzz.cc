// An HTTP connection's bytes, in pieces whose lengths the input itself says, and all at once: both
// give the same requests. (A request that is wrong may be found out earlier in one of the two.)
#include <fmt/format.h>

#include "http/request_reader.h"
#include "tests/fuzz/fuzz.h"

namespace corun::http {
namespace {

/// The whole requests in the bytes, as text.
std::string requests(std::string_view bytes, bool in_pieces) {
  RequestReader reader({.header_bytes = 512, .body_bytes = 1024});
  std::string text;
  while (true) {
    size_t piece = bytes.size();
    if (in_pieces && !bytes.empty()) {
      piece = std::min<size_t>(piece, 1 + static_cast<uint8_t>(bytes.front()) % 16);
    }
    RequestReader::News news = reader.add(bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    while (news == RequestReader::News(RequestReader::State::kComplete)) {
      const Request request = reader.take();
      text += fmt::format("{} {} {} {}\n", request.method, request.target, request.body.size(),
                          request.keep_alive);
      news = reader.add({});
    }
    if (bytes.empty() || std::holds_alternative<BadRequest>(news)) return text;
  }
}

}  // namespace
}  // namespace corun::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = corun::fuzz::text_of(data, size);
  CORUN_CHECK(corun::http::requests(bytes, false) == corun::http::requests(bytes, true),
              "the cut makes a difference");
  return 0;
}
