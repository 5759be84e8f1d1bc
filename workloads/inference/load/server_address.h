// Where a server listens, and single requests to it.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/fd.h"
#include "core/result.h"

namespace corun::inference {

/// A resolved "http://HOST:PORT".
class ServerAddress {
 public:
  /// Errors: usage for another form; failed for a host without an address.
  static Result<ServerAddress> resolve(std::string_view url);
  /// A connection, non-blocking. Errors (failed): the system's reason.
  Result<Fd> connect() const;
  const std::string& authority() const { return authority_; }  ///< "HOST:PORT"

 private:
  std::string authority_;
  sockaddr_storage address_{};
  socklen_t size_ = 0;
};

struct Fetched {
  int status = 0;
  std::string body;
};
/// GET over a connection of its own. Errors (failed): no answer within `timeout`.
Result<Fetched> fetch(const ServerAddress& endpoint, std::string_view path, Nanos timeout);

/// A port that nobody listens on now. Another program may take it meanwhile.
Result<uint16_t> free_port();

}  // namespace corun::inference
