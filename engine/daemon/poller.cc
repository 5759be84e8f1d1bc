#include "engine/daemon/poller.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace corun::daemon {

namespace {

constexpr Poller::Token kTimer = 0;
constexpr int64_t kNsPerSecond = 1'000'000'000;

Error system_error(const char* what) {
  return failed(std::string(what) + ": " + std::strerror(errno));
}

bool control(int epoll, int operation, int fd, uint32_t events, Poller::Token token) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

Result<Poller> Poller::create() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return system_error("epoll_create1");
  Fd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!timer) return system_error("timerfd_create");
  if (!control(epoll.get(), EPOLL_CTL_ADD, timer.get(), EPOLLIN, kTimer)) {
    return system_error("epoll_ctl");
  }
  return Poller(std::move(epoll), std::move(timer));
}

Result<Poller::Token> Poller::add(int fd, uint32_t events, Handler handler) {
  const Token token = next_++;
  if (!control(epoll_.get(), EPOLL_CTL_ADD, fd, events, token)) return system_error("epoll_ctl");
  entries_.emplace(token, Entry{fd, events, std::move(handler)});
  return token;
}

void Poller::change(Token token, uint32_t events) {
  const auto found = entries_.find(token);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.events = events;
  if (!entry.resting) control(epoll_.get(), EPOLL_CTL_MOD, entry.fd, events, token);
}

void Poller::rest(Token token, Instant until) {
  const auto found = entries_.find(token);
  if (found == entries_.end() || found->second.resting) return;
  // Not only without events: those of a peer that hung up would still come.
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
  found->second.resting = true;
  rests_.emplace(until, token);
}

void Poller::end_rests(Instant now) {
  while (!rests_.empty() && rests_.begin()->first <= now) {
    const Token token = rests_.begin()->second;
    rests_.erase(rests_.begin());
    const auto found = entries_.find(token);
    if (found == entries_.end()) continue;
    Entry& entry = found->second;
    entry.resting = false;
    control(epoll_.get(), EPOLL_CTL_ADD, entry.fd, entry.events, token);
    const Handler handler = entry.handler;  // it may remove itself
    handler(0);
  }
}

void Poller::remove(Token token) {
  const auto found = entries_.find(token);
  if (found == entries_.end()) return;
  if (!found->second.resting) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.fd, nullptr);
  }
  entries_.erase(found);
}

void Poller::wait(Instant due) {
  if (!rests_.empty()) due = std::min(due, rests_.begin()->first);
  const int64_t at = std::max<int64_t>(1, due.ns);  // zero would disarm the timer
  const itimerspec time{{0, 0}, {at / kNsPerSecond, at % kNsPerSecond}};
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &time, nullptr);
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    const uint64_t id = event.data.u64;  // a copy: the structure is packed
    if (id == kTimer) continue;
    const auto found = entries_.find(id);
    // Removed, or sent to rest, by a handler before it.
    if (found == entries_.end() || found->second.resting) continue;
    const Handler handler = found->second.handler;  // it may remove itself
    handler(event.events);
  }
  if (!rests_.empty()) end_rests(monotonic_now());
}

}  // namespace corun::daemon
