#include "http/connection.h"

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <boost/asio/post.hpp>

namespace corun::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr Nanos kLingerTime = std::chrono::seconds(2);
/// A stream's client that is so far behind is cut off.
constexpr size_t kMaxStreamBacklog = size_t{1} << 20;
/// Whole buffers that one connection reads before others have their turn.
constexpr int kReadsATurn = 16;
/// Pieces that one write hands over.
constexpr size_t kPieces = 16;

}  // namespace

/// The handler's end. It may outlive the connection's interest in it.
class Connection::Pending final : public Exchange, public std::enable_shared_from_this<Pending> {
 public:
  explicit Pending(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  bool gone() const override { return gone_.load(std::memory_order_relaxed); }
  void leave() { gone_.store(true, std::memory_order_relaxed); }

  void post(std::function<void()> task) override {
    asio::post(connection_->place_.context, std::move(task));
  }
  void answer(Response response) override {
    if (current()) connection_->answer(std::move(response));
  }
  void begin_stream(std::string_view content_type) override {
    if (current()) connection_->begin_stream(content_type);
  }
  void stream(std::string_view data) override {
    if (current() && !data.empty()) connection_->stream(data);
  }
  void end_stream() override {
    if (current()) connection_->end_stream();
  }
  size_t unsent() const override { return current() ? connection_->out_bytes_ : 0; }

 private:
  bool current() const { return connection_->request_.get() == this; }

  const std::shared_ptr<Connection> connection_;
  std::atomic<bool> gone_{false};
};

Connection::Connection(Socket socket, const ConnectionPlace& place)
    : socket_(std::move(socket)), place_(place) {}

void Connection::start() {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  if (place_.options.send_buffer_bytes > 0) {
    socket_.set_option(asio::socket_base::send_buffer_size(place_.options.send_buffer_bytes),
                       ignored);
  }
  set_state(State::kIdle, place_.options.idle_timeout);
  watch();
}

void Connection::set_state(State state, std::optional<Nanos> limit) {
  state_ = state;
  deadline_.reset();
  if (limit) deadline_ = monotonic_now() + *limit;
}

void Connection::watch() {
  if (watching_ || state_ == State::kClosed) return;
  watching_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& error) {
    self->watching_ = false;
    if (error || self->state_ == State::kClosed) return;
    self->on_readable();
  });
}

void Connection::on_readable() {
  switch (state_) {
    case State::kIdle:
    case State::kReading:
      return read();
    case State::kHandling:
    case State::kWriting:
    case State::kStreaming:
      return look_for_leaving();
    case State::kLingering:
      while (read_some()) {
      }
      return watch();
    case State::kClosed:
      return;
  }
}

std::optional<std::string_view> Connection::read_some() {
  error_code error;
  const size_t n =
      socket_.read_some(asio::buffer(place_.scratch.data(), place_.scratch.size()), error);
  if (!error) return std::string_view(place_.scratch.data(), n);
  if (error != asio::error::would_block && error != asio::error::try_again) close();
  return std::nullopt;
}

void Connection::read() {
  for (int i = 0; i < kReadsATurn; ++i) {
    const std::optional<std::string_view> bytes = read_some();
    if (!bytes) break;
    if (!reader_) reader_ = std::make_unique<RequestReader>(place_.options.limits);
    if (state_ == State::kIdle) set_state(State::kReading, place_.options.request_timeout);
    const RequestReader::News news = reader_->add(*bytes);
    const bool more = bytes->size() == place_.scratch.size() &&
                      news == RequestReader::News(RequestReader::State::kPartial);
    if (!more) return take_news(news);
  }
  watch();
}

void Connection::take_news(const RequestReader::News& news) {
  if (const auto* bad = std::get_if<BadRequest>(&news)) return refuse(bad->status, bad->text);
  switch (std::get<RequestReader::State>(news)) {
    case RequestReader::State::kEmpty:
      reader_.reset();
      set_state(State::kIdle, place_.options.idle_timeout);
      return finishing_ ? close() : watch();
    case RequestReader::State::kWantsContinue:
      send("HTTP/1.1 100 Continue\r\n\r\n");
      return watch();
    case RequestReader::State::kPartial:
      return watch();
    case RequestReader::State::kComplete:
      return handle();
  }
}

void Connection::handle() {
  Request request = reader_->take();
  keep_alive_ = request.keep_alive && !finishing_;
  chunks_ = request.chunks;
  set_state(State::kHandling, std::nullopt);
  request_ = std::make_shared<Pending>(shared_from_this());
  watch();
  const std::shared_ptr<Exchange> exchange = request_;  // an answer at once clears request_
  place_.handler(std::move(request), exchange);
}

void Connection::refuse(int status, std::string_view text) {
  Response response = place_.options.refusal(status, text);
  keep_alive_ = false;
  place_.metrics.responses[status / 100].fetch_add(1, std::memory_order_relaxed);
  send(head_of(response, false));
  send(std::move(response.body));
  if (state_ == State::kClosed) return;
  set_state(State::kWriting, place_.options.write_timeout);
  flush();
}

void Connection::look_for_leaving() {
  char byte = 0;
  const ssize_t n = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  const bool nothing_yet = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (nothing_yet) return watch();
  // More bytes: the next request, sent before this one's answer; it is read after that.
  if (n <= 0) close();
}

void Connection::answer(Response response) {
  request_.reset();
  if (finishing_) keep_alive_ = false;
  place_.metrics.responses[response.status / 100].fetch_add(1, std::memory_order_relaxed);
  set_state(State::kWriting, place_.options.write_timeout);
  send(head_of(response, keep_alive_));
  if (!response.body.empty() && !response.without_body) send(std::move(response.body));
  flush();
}

void Connection::begin_stream(std::string_view content_type) {
  if (!chunks_) keep_alive_ = false;
  place_.metrics.responses[2].fetch_add(1, std::memory_order_relaxed);
  set_state(State::kStreaming, std::nullopt);
  send(stream_head(content_type, chunks_));
  flush();
}

void Connection::stream(std::string_view data) {
  send(stream_piece(data, chunks_));
  if (out_bytes_ > kMaxStreamBacklog) return close();
  flush();
}

void Connection::end_stream() {
  request_.reset();
  const std::string_view end = stream_end(chunks_);
  if (!end.empty()) send(std::string(end));
  set_state(State::kWriting, place_.options.write_timeout);
  flush();
}

void Connection::send(std::string text) {
  if (state_ == State::kClosed) return;
  out_bytes_ += text.size();
  out_.push_back(std::move(text));
  if (state_ == State::kReading) flush();
}

void Connection::flush() {
  if (writing_ || state_ == State::kClosed) return;
  while (!out_.empty()) {
    std::array<asio::const_buffer, kPieces> pieces;
    size_t count = 0;
    for (const std::string& text : out_) {
      if (count == kPieces) break;
      const size_t skip = count == 0 ? out_offset_ : 0;
      pieces[count++] = asio::buffer(text.data() + skip, text.size() - skip);
    }
    error_code error;
    size_t written = socket_.write_some(pieces, error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      if (state_ == State::kStreaming && !deadline_) {
        deadline_ = monotonic_now() + place_.options.write_timeout;
      }
      writing_ = true;
      socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code& e) {
        self->writing_ = false;
        if (!e) self->flush();
      });
      return;
    }
    if (error) return close();
    out_bytes_ -= written;
    written += out_offset_;
    while (!out_.empty() && written >= out_.front().size()) {
      written -= out_.front().size();
      out_.pop_front();
    }
    out_offset_ = written;
    if (state_ == State::kStreaming) deadline_.reset();
  }
  if (state_ == State::kWriting) answered();
}

void Connection::answered() {
  if (!keep_alive_) return linger();
  set_state(State::kReading, place_.options.request_timeout);
  if (!reader_->keeps()) return take_news(RequestReader::State::kEmpty);
  // Not from here: a client may have sent thousands of requests at once.
  asio::post(place_.context, [self = shared_from_this()] { self->next_request(); });
}

void Connection::next_request() {
  // A read may have come first.
  if (state_ == State::kReading) take_news(reader_->add({}));
}

void Connection::linger() {
  // Closing with unread bytes would reset the connection, and the client might lose the answer.
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  reader_.reset();
  set_state(State::kLingering, kLingerTime);
  watch();
}

void Connection::close() {
  if (state_ == State::kClosed) return;
  if (request_) {
    request_->leave();
    if (state_ == State::kStreaming) {
      place_.metrics.streams_cut.fetch_add(1, std::memory_order_relaxed);
    }
  }
  request_.reset();
  reader_.reset();
  set_state(State::kClosed, std::nullopt);
  error_code ignored;
  socket_.close(ignored);
  place_.metrics.connections.fetch_sub(1, std::memory_order_relaxed);
}

void Connection::check_time(Instant now) {
  if (!deadline_ || now < *deadline_) return;
  if (state_ == State::kReading) return refuse(408, "the request took too long to arrive");
  close();
}

void Connection::finish() {
  finishing_ = true;
  keep_alive_ = false;
  const bool between = state_ == State::kIdle || state_ == State::kReading;
  if (between || state_ == State::kLingering) close();
}

}  // namespace corun::http
