#include "monitoring/player.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/log.h"

namespace corun::monitoring {

Player::Player(const Recording& recording, Board& board) : recording_(recording), board_(board) {
  state_.file = recording.name();
  state_.from = recording.time(0);
  state_.to = recording.time(recording.size() - 1);
  state_.at = state_.from;
  state_.truncated = recording.truncated();
  since_ = monotonic_now();
  thread_ = std::thread([this] { run(); });
}

Player::~Player() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

double Player::position(Instant now) const {
  if (state_.paused) return state_.at;
  return std::min(state_.to, state_.at + to_seconds(now - since_) * state_.speed);
}

Status Player::order(const ReplayOrder& order) {
  const std::lock_guard lock(mutex_);
  if (order.at && !(*order.at >= state_.from && *order.at <= state_.to)) {
    return usage_error(fmt::format(
        "'at' is outside the recording, which goes from {:.3f} to {:.3f}", state_.from, state_.to));
  }
  const Instant now = monotonic_now();
  state_.at = order.at.value_or(position(now));
  since_ = now;
  if (order.speed) state_.speed = *order.speed;
  if (order.paused) state_.paused = *order.paused;
  changed_ = true;
  wake_.notify_all();
  return {};
}

void Player::show(size_t index) {
  auto news = recording_.news(index);
  if (!news) {
    log::warn("{}", news.error().text());
    return;
  }
  Snapshot snapshot = *news->snapshot;
  {
    const std::lock_guard lock(mutex_);
    snapshot.replay = state_;
    snapshot.replay->at = snapshot.at;
  }
  news->snapshot = std::make_shared<const Snapshot>(std::move(snapshot));
  board_.publish(std::move(*news));
}

void Player::run() {
  std::unique_lock lock(mutex_);
  size_t shown = recording_.size();  // none
  while (!stopping_) {
    const Instant now = monotonic_now();
    const double at = position(now);
    const size_t index = recording_.index_at(at);
    const bool at_end = index + 1 == recording_.size();
    if (at_end && !state_.paused) {
      state_.at = at;
      state_.paused = true;
      changed_ = true;  // viewers are told
    }
    if (index != shown || std::exchange(changed_, false)) {
      // What lies between is told, too, when playing goes on fast; not when somebody jumped.
      const size_t from = shown < index && index - shown < 20 && !changed_ ? shown + 1 : index;
      changed_ = false;
      lock.unlock();
      for (size_t i = from; i <= index; ++i) show(i);
      lock.lock();
      shown = index;
      continue;
    }
    const auto news = [this] { return stopping_ || changed_; };
    if (state_.paused) {
      wake_.wait(lock, news);
    } else {
      const double seconds = (recording_.time(index + 1) - at) / state_.speed;
      wake_.wait_for(lock, from_seconds(std::clamp(seconds, 0.001, 3600.0)), news);
    }
  }
}

}  // namespace corun::monitoring
