#include "engine/daemon/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/process_tree.h"

namespace corun::daemon {

Server::Server(Poller& poller, Sharing& sharing, Control& control, Watchdog& watchdog,
               GatePages& gates, ServerOptions options)
    : poller_(poller),
      sharing_(sharing),
      control_(control),
      watchdog_(watchdog),
      gates_(gates),
      options_(std::move(options)),
      joins_(poller, sharing, counts_, options_.user),
      controls_(poller, control, counts_) {}

Status Server::listen() {
  // Root serves everybody; who may change anything is decided by the kernel's credentials.
  const unsigned mode = options_.user == 0 ? 0666 : 0600;
  CORUN_ASSIGN(Fd joins, client::listen_unix(options_.files.shim_socket(), SOCK_SEQPACKET, mode));
  CORUN_TRY(joins_.listen(std::move(joins)));
  CORUN_ASSIGN(Fd controls,
               client::listen_unix(options_.files.control_socket(), SOCK_STREAM, mode));
  CORUN_TRY(controls_.listen(std::move(controls)));
  if (options_.stop_fd >= 0) {
    CORUN_TRY(poller_.add(options_.stop_fd, EPOLLIN, [this](uint32_t) { stopped_ = true; }));
  }
  return watch_watchdog();
}

Status Server::watch_watchdog() {
  CORUN_ASSIGN(watchdog_token_, poller_.add(watchdog_.event_fd(), EPOLLIN,
                                            [this](uint32_t) { replace_watchdog(); }));
  return {};
}

void Server::replace_watchdog() {
  poller_.remove(*watchdog_token_);
  watchdog_.reap();
  const Instant now = monotonic_now();
  auto fresh = Watchdog::start(gates_.all(), options_.rescue);
  bool runs = false;
  if (fresh) {
    watchdog_ = std::move(fresh).value();
    runs = watch_watchdog().has_value();
  }
  control_.set_watchdog(runs);
  sharing_.note("watchdog", runs ? "it ended and was replaced" : "it ended; there is none", now);
}

bool Server::idle_for_too_long(Instant now) {
  if (!options_.idle_exit) return false;
  if (sharing_.sessions() > 0) {
    idle_since_.reset();
    return false;
  }
  if (!idle_since_) idle_since_ = now;
  return now - *idle_since_ >= *options_.idle_exit;
}

void Server::look_at_utilization(Instant now) {
  if (options_.utilization == nullptr || now < next_look_) return;
  next_look_ = now + kTick;  // the thread reads once a second: what it read is taken soon after
  options_.utilization->set_wanted(sharing_.sessions() > 0);
  Utilization::Reading reading = options_.utilization->take();
  sharing_.set_memory_use(std::move(reading.memory));
  if (now < next_utilization_) return;
  next_utilization_ = now + std::chrono::seconds(1);
  sharing_.set_utilization(std::move(reading.by_pid), reading.of_gpu, now);
}

void Server::look_at_switches(Instant now) {
  if (options_.switches == nullptr || now < next_switches_) return;
  next_switches_ = now + kTick;
  options_.switches->set_wanted(sharing_.sessions() > 0);
  const auto batches = options_.switches->take();
  if (!batches) {
    sharing_.lose_switches(batches.error().what, now);
    options_.switches = nullptr;
    return;
  }
  sharing_.take_switches(*batches);
  const auto holder = sharing_.gpu_holder();
  if (holder && !identify(*holder)) sharing_.gpu_holder_gone(now);
}

Status Server::serve() {
  while (true) {
    const Instant now = monotonic_now();
    watchdog_.beat(now);
    Instant due = sharing_.advance(now);
    joins_.advance(now);
    look_at_switches(now);
    if (options_.parking != nullptr) {
      if (const auto next = options_.parking->advance(now)) due = std::min(due, *next);
    }
    look_at_utilization(now);
    if (stopped_ || idle_for_too_long(now)) return {};
    if (control_.shutdown_requested() && controls_.flushed()) return {};
    if (idle_since_) due = std::min(due, *idle_since_ + *options_.idle_exit);
    poller_.wait(due);
  }
}

void Server::end() {
  joins_.stop_listening();
  controls_.stop_listening();
  unlink(options_.files.shim_socket().c_str());
  unlink(options_.files.control_socket().c_str());
  sharing_.send_all_away();
  const Instant deadline = monotonic_now() + kFarewell;
  constexpr Nanos kLook = std::chrono::milliseconds(5);  // nobody tells when a page is written
  for (Instant now = monotonic_now(); now < deadline && !sharing_.all_seen();
       now = monotonic_now()) {
    watchdog_.beat(now);
    poller_.wait(std::min(deadline, now + kLook));
  }
}

}  // namespace corun::daemon
