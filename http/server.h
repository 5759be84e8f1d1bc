// An HTTP/1.1 server for thousands of connections on a few threads.
//
// Each connection lives on one thread from accept to close, so it needs no locks. It is always in
// one of these states, each with its own time limit:
//
//   idle ──first byte──▶ reading ──whole request──▶ handling ──answer──▶ writing ──▶ idle
//                           │ bad or too slow                                │ not keep-alive
//                           ▼                                                ▼
//                        writing the error ──▶ lingering (reads what the client still sends) ──▶
//                        closed
//
// While a request is handled the connection watches for its client to leave (Exchange::gone).
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "http/exchange.h"
#include "http/metrics.h"
#include "http/request_reader.h"

namespace corun::http {

/// The answer to a request that the handler does not get to see.
using Refusal = Response (*)(int status, std::string_view text);
/// The text alone.
Response plain_refusal(int status, std::string_view text);

struct Options {
  std::string address = "127.0.0.1";
  uint16_t port = 8000;  ///< 0: any free one
  int threads = 2;
  size_t max_connections = 20'000;
  RequestLimits limits;
  Nanos idle_timeout = std::chrono::minutes(10);     ///< between two requests
  Nanos request_timeout = std::chrono::seconds(30);  ///< from a request's first byte to its last
  Nanos write_timeout = std::chrono::seconds(30);    ///< for a client that reads nothing
  int send_buffer_bytes = 0;  ///< of the kernel, for each connection; 0: as it likes
  Refusal refusal = plain_refusal;
  std::string_view port_option = "--port";  ///< what to change when the port is taken
};

class Server {
 public:
  /// Listens, and serves from then on. `handler` and `metrics` outlive the server.
  /// Errors: usage for an address that is none; failed for one that is taken.
  static Result<std::unique_ptr<Server>> start(const Options& options, const Handler& handler,
                                               Metrics& metrics);
  /// Stops without grace.
  ~Server();

  uint16_t port() const;
  /// Accepts nothing more, lets answers that are on their way go out for at most `grace`, closes
  /// all connections. Idempotent.
  void stop(Nanos grace);

 private:
  struct Threads;
  explicit Server(std::unique_ptr<Threads> threads);
  std::unique_ptr<Threads> threads_;
};

}  // namespace corun::http
