// HTTP requests and answers as plain values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corun::http {

struct Request {
  std::string method;
  std::string target;  ///< as in the request line
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  ///< as they came
  bool keep_alive = true;
  bool chunks = true;  ///< the client knows chunked answers (HTTP/1.1)

  /// The value of the first header of this name (in any case), or nothing.
  std::optional<std::string_view> header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;  ///< besides the usual ones
  bool without_body = false;  ///< HEAD: only the head of the answer is sent
};

/// "Not Found"; empty for a status that this server never gives.
std::string_view reason_phrase(int status);

/// Status line and headers of a whole answer, up to the empty line.
std::string head_of(const Response& response, bool keep_alive);
/// Of an answer that comes in pieces: chunked, or until the connection ends.
std::string stream_head(std::string_view content_type, bool chunks);
/// One piece of it. Precondition: not empty.
std::string stream_piece(std::string_view data, bool chunks);
/// Its end.
std::string_view stream_end(bool chunks);

}  // namespace corun::http
