// One request and the way back to who sent it.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "http/client.h"
#include "http/message.h"

namespace corun::http {

/// Either answer(), or begin_stream(), stream()... and end_stream(): once, on the connection's
/// thread (where the handler is called, and tasks are run). Once the client is gone they do
/// nothing.
class Exchange : public Client {
 public:
  /// Runs `task` on the connection's thread. From any thread.
  virtual void post(std::function<void()> task) = 0;
  virtual void answer(Response response) = 0;
  virtual void begin_stream(std::string_view content_type) = 0;
  virtual void stream(std::string_view data) = 0;
  virtual void end_stream() = 0;
  /// Bytes of a stream that the client has not taken yet: who sends what may be left out looks
  /// here first. A client that is behind by more than a mebibyte is cut off.
  virtual size_t unsent() const = 0;
};

/// Must not block: other connections wait meanwhile. Answers now, or later through the exchange.
using Handler = std::function<void(Request request, std::shared_ptr<Exchange> exchange)>;

}  // namespace corun::http
