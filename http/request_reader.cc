#include "http/request_reader.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/check.h"

namespace corun::http {

namespace beast = boost::beast;
namespace beast_http = boost::beast::http;

struct RequestReader::Parser {
  explicit Parser(const RequestLimits& limits) {
    parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    parser.body_limit(limits.body_bytes);
    parser.eager(true);
  }
  beast_http::request_parser<beast_http::string_body> parser;
};

namespace {

/// Beast asserts that what it has left over of the last chunk has grown to at least so many bytes
/// (basic_parser::parse_chunk_header). No chunk needs fewer up to the end of the message:
/// "0\r\n\r\n".
constexpr size_t kLeastOfLastChunk = 5;

BadRequest bad_request(const beast::error_code& error, const RequestLimits& limits) {
  if (error == beast_http::error::body_limit) {
    return {413, "the body is larger than " + std::to_string(limits.body_bytes) + " bytes"};
  }
  if (error == beast_http::error::header_limit) {
    return {431, "the header is larger than " + std::to_string(limits.header_bytes) + " bytes"};
  }
  if (error == beast_http::error::bad_version)
    return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  return {400, "no HTTP request: " + error.message()};
}

std::string text_of(beast::string_view view) { return {view.data(), view.size()}; }

}  // namespace

RequestReader::RequestReader(const RequestLimits& limits) : limits_(limits) {}
RequestReader::~RequestReader() = default;

RequestReader::News RequestReader::add(std::string_view bytes) {
  if (kept_.empty()) return parse(bytes);
  kept_ += bytes;
  if (parser_ && parser_->parser.chunked() && kept_.size() < kLeastOfLastChunk) {
    return State::kPartial;
  }
  const std::string all = std::exchange(kept_, {});
  return parse(all);
}

RequestReader::News RequestReader::parse(std::string_view bytes) {
  if (bytes.empty() && !parser_) return State::kEmpty;
  if (!parser_) parser_ = std::make_unique<Parser>(limits_);
  auto& parser = parser_->parser;
  while (!parser.is_done() && !bytes.empty()) {
    beast::error_code error;
    const size_t used = parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    bytes.remove_prefix(used);
    if (error == beast_http::error::need_more) break;
    if (error) return bad_request(error, limits_);
  }
  kept_ = bytes;
  if (parser.is_done()) return State::kComplete;
  if (parser.is_header_done() && !continued_ &&
      beast::iequals(parser.get()[beast_http::field::expect], "100-continue")) {
    continued_ = true;
    return State::kWantsContinue;
  }
  return State::kPartial;
}

Request RequestReader::take() {
  CORUN_CHECK(parser_ && parser_->parser.is_done(), "a whole request is here");
  beast_http::request<beast_http::string_body> message = parser_->parser.release();
  parser_.reset();
  continued_ = false;
  Request request;
  request.method = text_of(message.method_string());
  request.target = text_of(message.target());
  for (const auto& field : message) {
    request.headers.emplace_back(text_of(field.name_string()), text_of(field.value()));
  }
  request.keep_alive = message.keep_alive();
  request.chunks = message.version() >= 11;
  request.body = std::move(message.body());
  return request;
}

}  // namespace corun::http
