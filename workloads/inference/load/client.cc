#include "workloads/inference/load/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/resources.h"
#include "workloads/tenant/waiting.h"

namespace corun::inference {

namespace {

constexpr uint64_t kEnding = UINT64_MAX;

auto steady(Instant instant) {
  return std::chrono::time_point<std::chrono::steady_clock, Nanos>(Nanos(instant.ns));
}

/// Writes all of it; waits while the server reads nothing.
Status send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
    if (n >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN) return failed(std::string("cannot send: ") + std::strerror(errno));
    pollfd waited{fd, POLLOUT, 0};
    poll(&waited, 1, 1000);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<LoadClient>> LoadClient::open(const ServerAddress& endpoint,
                                                     size_t connections,
                                                     std::function<void(const Answer&)> done) {
  allow_many_descriptors();
  std::unique_ptr<LoadClient> client(new LoadClient(endpoint, std::move(done)));
  client->epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  client->ending_ = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kEnding}};
  epoll_ctl(client->epoll_.get(), EPOLL_CTL_ADD, client->ending_.get(), &event);
  for (size_t i = 0; i < connections; ++i) {
    client->connections_.push_back(std::make_unique<Connection>());
    CORUN_TRY(client->reopen(i));
    client->free_.push_back(i);
  }
  client->thread_ = std::thread([raw = client.get()] { raw->read_loop(); });
  return client;
}

LoadClient::~LoadClient() {
  const uint64_t one = 1;
  if (thread_.joinable()) {
    [[maybe_unused]] const ssize_t n = write(ending_.get(), &one, sizeof one);
    thread_.join();
  }
}

Status LoadClient::reopen(size_t index) {
  Connection& connection = *connections_[index];
  connection.fd.reset();
  CORUN_ASSIGN(connection.fd, endpoint_.connect());
  connection.reader.reset();
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.u64 = index}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event) == 0) return {};
  return failed(std::string("cannot watch a connection: ") + std::strerror(errno));
}

bool LoadClient::wait_free(Instant give_up) {
  std::unique_lock lock(mutex_);
  waiting_ = true;
  const bool is_free =
      changed_.wait_until(lock, steady(give_up), [this] { return !free_.empty(); });
  waiting_ = false;
  return is_free;
}

Result<int> LoadClient::begin(size_t index, uint64_t tag) {
  Connection& connection = *connections_[index];
  const std::lock_guard lock(mutex_);
  if (!connection.fd) CORUN_TRY(reopen(index));
  connection.answer = Answer{};
  connection.answer.tag = tag;
  connection.answer.sent = monotonic_now();
  connection.busy = true;
  connection.sending = true;
  return connection.fd.get();
}

bool LoadClient::end_sending(size_t index, bool written) {
  Connection& connection = *connections_[index];
  const std::lock_guard lock(mutex_);
  connection.sending = false;
  if (written && connection.busy) return false;
  const bool answered = !connection.busy;  // before all was sent, or just now
  if (answered && connection.keeps) return false;
  connection.busy = false;
  connection.fd.reset();
  return !answered;
}

Result<Instant> LoadClient::send(std::string_view request, uint64_t tag) {
  size_t index = 0;
  {
    const std::lock_guard lock(mutex_);
    index = free_.front();
    free_.pop_front();
  }
  constexpr int kAttempts = 2;  // a kept connection may have ended just now
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    const Result<int> fd = begin(index, tag);
    if (!fd) {
      const std::lock_guard lock(mutex_);
      free_.push_back(index);
      return fd.error();
    }
    const Instant sent = monotonic_now();
    const Status written = send_all(*fd, request);
    if (!end_sending(index, written.has_value())) return sent;
  }
  const std::lock_guard lock(mutex_);
  free_.push_back(index);
  return failed("the server " + endpoint_.authority() + " takes no requests");
}

void LoadClient::settle(Instant give_up) {
  std::unique_lock lock(mutex_);
  const auto all_free = [this] { return free_.size() == connections_.size(); };
  waiting_ = true;
  if (!changed_.wait_until(lock, steady(give_up), all_free)) {
    for (const auto& connection : connections_) {
      if (connection->busy) shutdown(connection->fd.get(), SHUT_RDWR);
    }
    changed_.wait(lock, all_free);  // the reading thread sees their end
  }
  waiting_ = false;
}

void LoadClient::read_loop() {
  tenant::use_finest_timers();
  tenant::ask_to_run_soon();
  std::array<epoll_event, 64> events;
  while (true) {
    const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const uint64_t index = events[static_cast<size_t>(i)].data.u64;
      if (index == kEnding) return;
      read(index);
    }
  }
}

void LoadClient::read(size_t index) {
  Connection& connection = *connections_[index];
  {
    const std::lock_guard lock(mutex_);
    if (!connection.fd) return;
    if (!connection.busy) {
      // The server has ended an idle connection: it is opened anew when it is needed.
      char byte = 0;
      const ssize_t n = recv(connection.fd.get(), &byte, 1, MSG_PEEK);
      if (n >= 0 || (errno != EAGAIN && errno != EINTR)) connection.fd.reset();
      return;
    }
  }
  char bytes[65536];
  const ssize_t n = recv(connection.fd.get(), bytes, sizeof bytes, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const Instant now = monotonic_now();
  Answer& answer = connection.answer;
  answer.end = now;
  if (n <= 0) {
    const bool whole = n == 0 && connection.reader.finish();
    return complete(index, whole ? connection.reader.status() : 0, false);
  }
  const auto whole = connection.reader.add({bytes, static_cast<size_t>(n)});
  if (!whole) return complete(index, 0, false);
  if (answer.events == 0 && connection.reader.events() > 0) answer.first = now;
  answer.events = connection.reader.events();
  if (*whole) complete(index, connection.reader.status(), connection.reader.keep_alive());
}

void LoadClient::complete(size_t index, int status, bool keep) {
  Connection& connection = *connections_[index];
  connection.answer.status = status;
  connection.answer.body = &connection.reader.body();
  connection.answer.retry_after_s = connection.reader.retry_after_s();
  done_(connection.answer);
  bool waiting = false;
  {
    const std::lock_guard lock(mutex_);
    connection.reader.reset();
    connection.keeps = keep;
    if (!keep && !connection.sending) connection.fd.reset();
    connection.busy = false;
    free_.push_back(index);
    waiting = waiting_;
  }
  if (waiting) changed_.notify_all();
}

}  // namespace corun::inference
