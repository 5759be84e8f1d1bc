#include "http/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>

#include "core/log.h"
#include "core/resources.h"
#include "http/connection.h"

namespace corun::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr size_t kScratchBytes = size_t{64} << 10;
constexpr Nanos kTick = std::chrono::milliseconds(100);
/// After a connection that could not be accepted, for want of descriptors say.
constexpr Nanos kAcceptPause = std::chrono::milliseconds(100);
constexpr int kBacklog = 4096;

/// One thread and its connections.
class Worker {
 public:
  Worker(const Options& options, const Handler& handler, Metrics& metrics)
      : scratch_(kScratchBytes),
        place_{context_, options, handler, metrics, scratch_},
        guard_(context_.get_executor()),
        tick_(context_) {}

  asio::io_context& context() { return context_; }
  void start() {
    thread_ = std::thread([this] { context_.run(); });
  }
  void take(Socket socket) {
    connections_.push_back(std::make_shared<Connection>(std::move(socket), place_));
    connections_.back()->start();
    if (give_up_) connections_.back()->finish();
    if (!ticking_) tick();
  }
  /// From any thread; the thread ends once all connections are closed, after `grace` anyway.
  void begin_stop(Nanos grace) {
    asio::post(context_, [this, grace] {
      guard_.reset();
      give_up_ = monotonic_now() + grace;
      for (const auto& connection : connections_) connection->finish();
      tick();
    });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
    for (const auto& connection : connections_) connection->close();
    connections_.clear();
  }

 private:
  void tick() {
    const Instant now = monotonic_now();
    for (const auto& connection : connections_) connection->check_time(now);
    std::erase_if(connections_, [](const auto& connection) { return connection->closed(); });
    if (give_up_ && now >= *give_up_) return context_.stop();
    ticking_ = !connections_.empty();
    if (!ticking_) return;
    tick_.expires_after(kTick);
    tick_.async_wait([this](const error_code& error) {
      if (!error) tick();
    });
  }

  asio::io_context context_{1};
  std::vector<char> scratch_;
  ConnectionPlace place_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  asio::steady_timer tick_;
  std::thread thread_;
  // Of the thread:
  std::vector<std::shared_ptr<Connection>> connections_;
  bool ticking_ = false;
  std::optional<Instant> give_up_;
};

}  // namespace

Response plain_refusal(int status, std::string_view text) {
  Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::string(text) + "\n";
  return response;
}

struct Server::Threads {
  Threads(const Options& given, const Handler& handler, Metrics& counts)
      : options(given), metrics(counts) {
    for (int i = 0; i < std::max(options.threads, 1); ++i) {
      workers.push_back(std::make_unique<Worker>(options, handler, metrics));
    }
    acceptor.emplace(workers.front()->context());
    pause.emplace(workers.front()->context());
  }

  Status listen() {
    error_code error;
    const asio::ip::address address = asio::ip::make_address(options.address, error);
    if (error) {
      return usage_error(fmt::format("'{}' is no IP address", options.address),
                         "for example 127.0.0.1 or 0.0.0.0");
    }
    const tcp::endpoint endpoint(address, options.port);
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(kBacklog, error);
    if (error) {
      return failed(
          fmt::format("cannot listen on {}:{}: {}", options.address, options.port, error.message()),
          fmt::format("choose another {}", options.port_option));
    }
    port = acceptor->local_endpoint(error).port();
    return {};
  }

  void accept() {
    Worker& worker = *workers[next];
    next = (next + 1) % workers.size();
    acceptor->async_accept(
        worker.context(), [this, &worker](const error_code& error, Socket socket) {
          if (!acceptor->is_open()) return;
          if (error) return rest(error);
          if (metrics.connections >= options.max_connections) {
            turn_away(std::move(socket));
          } else {
            metrics.connections.fetch_add(1, std::memory_order_relaxed);
            metrics.accepted.fetch_add(1, std::memory_order_relaxed);
            asio::post(worker.context(), [&worker, peer = std::move(socket)]() mutable {
              worker.take(std::move(peer));
            });
          }
          accept();
        });
  }
  void rest(const error_code& error) {
    if (!complained) log::warn("cannot accept connections: {}", error.message());
    complained = true;
    pause->expires_after(kAcceptPause);
    pause->async_wait([this](const error_code& cut) {
      if (!cut && acceptor->is_open()) accept();
    });
  }
  void turn_away(Socket socket) {
    const Response response = options.refusal(
        503, fmt::format("{} connections are open already", options.max_connections));
    metrics.responses[5].fetch_add(1, std::memory_order_relaxed);
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(head_of(response, false) + response.body), ignored);
  }

  const Options options;
  Metrics& metrics;
  std::vector<std::unique_ptr<Worker>> workers;
  // Of the first worker's thread once it runs:
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> pause;
  size_t next = 0;
  bool complained = false;
  uint16_t port = 0;
  bool stopped = false;
};

Server::Server(std::unique_ptr<Threads> threads) : threads_(std::move(threads)) {}

Result<std::unique_ptr<Server>> Server::start(const Options& options, const Handler& handler,
                                              Metrics& metrics) {
  allow_many_descriptors();
  auto threads = std::make_unique<Threads>(options, handler, metrics);
  CORUN_TRY(threads->listen());
  threads->accept();
  for (const auto& worker : threads->workers) worker->start();
  return std::unique_ptr<Server>(new Server(std::move(threads)));
}

Server::~Server() { stop(Nanos(0)); }

uint16_t Server::port() const { return threads_->port; }

void Server::stop(Nanos grace) {
  if (std::exchange(threads_->stopped, true)) return;
  asio::post(threads_->workers.front()->context(), [threads = threads_.get()] {
    error_code ignored;
    threads->acceptor->close(ignored);
    threads->pause->cancel(ignored);
  });
  for (const auto& worker : threads_->workers) worker->begin_stop(grace);
  for (const auto& worker : threads_->workers) worker->join();
}

}  // namespace corun::http
