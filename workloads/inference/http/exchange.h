// One request and the way back to who sent it.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "workloads/inference/http/message.h"
#include "workloads/inference/serving/client.h"

namespace corun::inference {

/// Either answer(), or begin_stream(), stream()... and end_stream(): once, on the connection's
/// thread (where the handler is called, and tasks are run). Once the client is gone they do
/// nothing.
class Exchange : public Client {
 public:
  /// Runs `task` on the connection's thread. From any thread.
  virtual void post(std::function<void()> task) = 0;
  virtual void answer(HttpResponse response) = 0;
  virtual void begin_stream(std::string_view content_type) = 0;
  virtual void stream(std::string_view data) = 0;
  virtual void end_stream() = 0;
};

/// Must not block: other connections wait meanwhile. Answers now, or later through the exchange.
using HttpHandler = std::function<void(HttpRequest request, std::shared_ptr<Exchange> exchange)>;

}  // namespace corun::inference
