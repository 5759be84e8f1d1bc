// One connection of the server; see server.h for its states. For server.cc only: it includes Asio.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <deque>
#include <optional>
#include <span>

#include "http/server.h"

namespace corun::http {

using Socket = boost::asio::ip::tcp::socket;

/// What the connections of one thread share.
struct ConnectionPlace {
  boost::asio::io_context& context;
  const Options& options;
  const Handler& handler;
  Metrics& metrics;
  std::span<char> scratch;  ///< for one read at a time
};

class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  /// Counted in place.metrics.connections until it closes; the caller has added it.
  Connection(Socket socket, const ConnectionPlace& place);

  void start();
  /// Ends it when its state's time is over. Called now and then.
  void check_time(Instant now);
  /// Closes it as soon as the request that is handled, if any, is answered.
  void finish();
  /// Closes it now.
  void close();
  bool closed() const { return state_ == State::kClosed; }

 private:
  enum class State { kIdle, kReading, kHandling, kWriting, kStreaming, kLingering, kClosed };
  class Pending;

  void watch();
  void on_readable();
  /// Reads once into the scratch buffer; nothing when there is nothing to read, or it closed.
  std::optional<std::string_view> read_some();
  void read();
  void take_news(const RequestReader::News& news);
  void handle();
  void next_request();
  void refuse(int status, std::string_view text);
  void look_for_leaving();

  void send(std::string text);
  void flush();
  void after_flush();
  void answered();
  void linger();
  void set_state(State state, std::optional<Nanos> limit);

  // What a Pending calls, for the current one.
  void answer(Response response);
  void begin_stream(std::string_view content_type);
  void stream(std::string_view data);
  void end_stream();

  Socket socket_;
  const ConnectionPlace& place_;
  std::unique_ptr<RequestReader> reader_;  ///< while not idle
  std::shared_ptr<Pending> request_;       ///< while handling or streaming
  std::deque<std::string> out_;            ///< not yet written
  size_t out_bytes_ = 0;
  size_t out_offset_ = 0;  ///< of out_.front(), already written
  std::optional<Instant> deadline_;
  State state_ = State::kIdle;
  bool watching_ = false;   ///< a wait for readability is pending
  bool writing_ = false;    ///< a wait for writability is pending
  bool keep_alive_ = true;  ///< after the current request
  bool chunks_ = true;      ///< of the current request
  bool finishing_ = false;
};

}  // namespace corun::http
