// Who waits for an answer.
#pragma once

namespace corun::http {

class Client {
 public:
  virtual ~Client() = default;
  /// Whether nobody waits any more. From any thread.
  virtual bool gone() const = 0;
};

}  // namespace corun::http
