// Bytes of a connection in, requests out; no I/O of its own. Boost.Beast parses.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "http/message.h"

namespace corun::http {

struct RequestLimits {
  size_t header_bytes = size_t{16} << 10;
  size_t body_bytes = size_t{64} << 20;
};

/// A request that is not answered by anybody but this: the connection ends after it.
struct BadRequest {
  int status = 400;
  std::string text;
  bool operator==(const BadRequest&) const = default;
};

class RequestReader {
 public:
  explicit RequestReader(const RequestLimits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  enum class State {
    kEmpty,          ///< no byte of a request is here
    kPartial,        ///< more bytes are needed
    kWantsContinue,  ///< likewise; the client waits for "100 Continue" (told once a request)
    kComplete,       ///< take() gives the request
  };
  using News = std::variant<State, BadRequest>;

  /// Takes the next bytes of the connection. After a complete request, bytes of the next one are
  /// kept for it. After a BadRequest nothing more may be added.
  News add(std::string_view bytes);
  /// The complete request; then call add({}) for what is kept.
  Request take();
  /// Whether bytes beyond the complete request are kept.
  bool keeps() const { return !kept_.empty(); }

 private:
  struct Parser;
  News parse(std::string_view bytes);

  RequestLimits limits_;
  std::unique_ptr<Parser> parser_;
  std::string kept_;  ///< bytes that the parser has not used yet
  bool continued_ = false;
};

}  // namespace corun::http
