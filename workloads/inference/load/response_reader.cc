#include "workloads/inference/load/response_reader.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <charconv>

namespace corun::inference {

namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {
constexpr std::uint64_t kMaxBody = std::uint64_t{1} << 30;

/// Beast asserts that what it has left over of the last chunk has grown to at least so many bytes
/// (basic_parser::parse_chunk_header). No chunk needs fewer up to the end of the message:
/// "0\r\n\r\n".
constexpr size_t kLeastOfLastChunk = 5;
}  // namespace

struct ResponseReader::Parser {
  Parser() {
    parser.body_limit(kMaxBody);
    parser.eager(true);
  }
  http::response_parser<http::string_body> parser;
};

ResponseReader::ResponseReader() : parser_(std::make_unique<Parser>()) {}
ResponseReader::~ResponseReader() = default;

Result<bool> ResponseReader::add(std::string_view bytes) {
  std::string all;
  if (!kept_.empty()) {
    all = std::exchange(kept_, {});
    all += bytes;
    bytes = all;
  }
  auto& parser = parser_->parser;
  if (parser.chunked() && !all.empty() && all.size() < kLeastOfLastChunk) {
    kept_ = std::move(all);
    return false;
  }
  while (!parser.is_done() && !bytes.empty()) {
    beast::error_code error;
    const size_t used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    bytes.remove_prefix(used);
    if (error == http::error::need_more) break;
    if (error) return failed("no HTTP answer: " + error.message());
  }
  kept_ = bytes;
  count_events();
  if (parser.is_done() && !kept_.empty()) return failed("bytes follow the HTTP answer");
  return parser.is_done();
}

bool ResponseReader::finish() {
  beast::error_code error;
  auto& parser = parser_->parser;
  if (!parser.is_done() && parser.is_header_done()) parser.put_eof(error);
  return !error && parser.is_done();
}

void ResponseReader::reset() {
  parser_ = std::make_unique<Parser>();
  kept_.clear();
  events_ = 0;
  counted_ = 0;
}

int ResponseReader::status() const { return static_cast<int>(parser_->parser.get().result_int()); }

std::optional<uint64_t> ResponseReader::retry_after_s() const {
  const auto text = parser_->parser.get()[http::field::retry_after];
  uint64_t seconds = 0;
  const char* const last = text.data() + text.size();
  const auto [end, code] = std::from_chars(text.data(), last, seconds);
  if (text.empty() || code != std::errc() || end != last) return std::nullopt;
  return seconds;
}

bool ResponseReader::keep_alive() const { return parser_->parser.get().keep_alive(); }

const std::string& ResponseReader::body() const { return parser_->parser.get().body(); }

void ResponseReader::count_events() {
  // An event ends with an empty line; the first of its two line feeds may have come before.
  const std::string& text = body();
  for (size_t at = counted_; (at = text.find("\n\n", at)) != std::string::npos;) {
    ++events_;
    at += 2;
    counted_ = at;
  }
  if (!text.empty()) counted_ = std::max(counted_, text.size() - 1);
}

}  // namespace corun::inference
