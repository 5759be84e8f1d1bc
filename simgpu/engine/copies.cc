#include "simgpu/engine/copies.h"

#include <algorithm>
#include <cmath>

namespace corun::simgpu {
namespace {

/// A copy with less than this to go is done: below what a nanosecond moves, above rounding.
constexpr double kDoneBytes = 1e-3;

}  // namespace

void CopyEngine::add(ContextId context, StreamId stream, uint64_t bytes, Instant t) {
  progress(t);
  queues_[context].push_back({stream, static_cast<double>(bytes)});
  find_next();
}

void CopyEngine::cancel(ContextId context, Instant t) {
  progress(t);
  queues_.erase(context);
  find_next();
}

void CopyEngine::step(Instant t, std::vector<StreamId>& done) {
  if (next_ > t) return;
  progress(t);
  for (auto it = queues_.begin(); it != queues_.end();) {
    auto& queue = it->second;
    if (queue.front().remaining <= kDoneBytes) {
      done.push_back(queue.front().stream);
      queue.pop_front();
    }
    it = queue.empty() ? queues_.erase(it) : std::next(it);
  }
  find_next();
}

double CopyEngine::share() const {
  return queues_.empty() ? 0 : bytes_per_ns_ / static_cast<double>(queues_.size());
}

double CopyEngine::moved(Instant t) const {
  double sum = moved_;
  const double most = share() * static_cast<double>((t - since_).count());
  for (const auto& [context, queue] : queues_) sum += std::min(queue.front().remaining, most);
  return sum;
}

void CopyEngine::progress(Instant t) {
  moved_ = moved(t);
  const double most = share() * static_cast<double>((t - since_).count());
  for (auto& [context, queue] : queues_) {
    queue.front().remaining -= std::min(queue.front().remaining, most);
  }
  since_ = t;
}

void CopyEngine::find_next() {
  next_ = {INT64_MAX};
  if (queues_.empty()) return;
  double least = queues_.begin()->second.front().remaining;
  for (const auto& [context, queue] : queues_) least = std::min(least, queue.front().remaining);
  const double ns = std::max(0.0, least - kDoneBytes) / share();
  next_ = since_ + Nanos(static_cast<int64_t>(std::ceil(ns)));
}

}  // namespace corun::simgpu
