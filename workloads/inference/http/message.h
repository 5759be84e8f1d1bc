// HTTP requests and answers as plain values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corun::inference {

struct HttpRequest {
  std::string method;
  std::string target;  ///< as in the request line
  std::string body;
  std::optional<std::string> json_length;  ///< Inference-Header-Content-Length
  bool keep_alive = true;
  bool chunks = true;  ///< the client knows chunked answers (HTTP/1.1)
};

struct HttpResponse {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;  ///< besides the usual ones
};

/// "Not Found"; empty for a status that this server never gives.
std::string_view reason_phrase(int status);

/// Status line and headers of a whole answer, up to the empty line.
std::string head_of(const HttpResponse& response, bool keep_alive);
/// Of an answer that comes in pieces: chunked, or until the connection ends.
std::string stream_head(std::string_view content_type, bool chunks);
/// One piece of it. Precondition: not empty.
std::string stream_piece(std::string_view data, bool chunks);
/// Its end.
std::string_view stream_end(bool chunks);

}  // namespace corun::inference
