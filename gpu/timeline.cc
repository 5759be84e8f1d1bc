#include "gpu/timeline.h"

#include <algorithm>
#include <utility>

namespace corun::gpu {

namespace {

constexpr uint64_t kLatestTimestamp = INT64_MAX / 2;

}  // namespace

std::optional<uint32_t> Timeline::running() const {
  if (!started_ || state_ != State::kRunning) return std::nullopt;
  return pid_;
}

std::vector<Piece> Timeline::take(const SwitchBatch& batch) {
  latest_ns_ = latest_at(batch.read_at);
  for (const rm::SwitchEvent& one : batch.records) event(one, batch.read_at);
  if (!started_) return {};
  // What was dropped came behind the last record that fitted in.
  if (batch.lost > 0) state_ = State::kUnknown;
  advance(batch.read_at.ns - delay_ns_);
  return std::exchange(pieces_, {});
}

std::vector<Piece> Timeline::process_gone(uint32_t pid, Instant now) {
  if (running() != pid) return {};
  close(Piece::Kind::kRun, now.ns - delay_ns_, true);
  state_ = State::kNobody;
  free_since_ns_.reset();
  return std::exchange(pieces_, {});
}

int64_t Timeline::latest_at(Instant read_at) const {
  if (!started_) return INT64_MAX;
  const Nanos since = std::max(Nanos(0), read_at - last_read_);
  return last_ns_ + (since + since / kDriftPart + kClockSlack).count();
}

void Timeline::event(const rm::SwitchEvent& event, Instant read_at) {
  const bool known = event.tag == rm::kContextStart || event.tag == rm::kContextEnd;
  if (event.type != rm::kSwitchEventType || !known || event.timestamp_ns > kLatestTimestamp) {
    ++misfits_;
    return;
  }
  const auto at = static_cast<int64_t>(event.timestamp_ns);
  if (started_ && (at < last_ns_ || at > latest_ns_)) {
    ++misfits_;
    if (++misfits_in_a_row_ < kMisfitsOfAJump) return;
    started_ = false;
    latest_ns_ = INT64_MAX;
  }
  misfits_in_a_row_ = 0;
  if (!started_) begin_at(at);
  last_ns_ = at;
  last_read_ = read_at;
  if (event.tag == rm::kContextStart) {
    start(event);
  } else {
    end(event);
  }
  learn_delay(at, read_at);
}

void Timeline::begin_at(int64_t gpu_ns) {
  started_ = true;
  state_ = State::kUnknown;
  closed_ns_ = gpu_ns;
  period_end_ = {};
}

void Timeline::start(const rm::SwitchEvent& event) {
  const auto at = static_cast<int64_t>(event.timestamp_ns);
  switch (state_) {
    case State::kRunning:  // its context was destroyed: no record tells of its end
      close(Piece::Kind::kRun, at, true);
      break;
    case State::kNobody: {
      const bool short_gap = free_since_ns_ && at - *free_since_ns_ <= kLongestSwitch.count();
      close(short_gap ? Piece::Kind::kSwitch : Piece::Kind::kNobody, at);
      break;
    }
    case State::kUnknown:
      close(Piece::Kind::kUnknown, at);
      break;
  }
  state_ = State::kRunning;
  pid_ = event.pid;
  context_ = event.context;
}

void Timeline::end(const rm::SwitchEvent& event) {
  const auto at = static_cast<int64_t>(event.timestamp_ns);
  const bool same = state_ == State::kRunning && pid_ == event.pid && context_ == event.context;
  if (!same && state_ != State::kUnknown) ++misfits_;
  close(same ? Piece::Kind::kRun : Piece::Kind::kUnknown, at, same);
  state_ = State::kNobody;
  free_since_ns_ = std::max(at, closed_ns_);
}

void Timeline::learn_delay(int64_t gpu_ns, Instant read_at) {
  const int64_t seen = read_at.ns - gpu_ns;
  if (period_end_ == Instant{}) {
    delay_now_ns_ = delay_before_ns_ = seen;
    period_end_ = read_at + kDelayMemory;
  } else if (read_at >= period_end_) {
    delay_before_ns_ = std::exchange(delay_now_ns_, seen);
    period_end_ = read_at + kDelayMemory;
  }
  delay_now_ns_ = std::min(delay_now_ns_, seen);
  delay_ns_ = std::min(delay_now_ns_, delay_before_ns_);
}

void Timeline::close(Piece::Kind kind, int64_t gpu_ns, bool ends) {
  const uint32_t pid = kind == Piece::Kind::kRun ? pid_ : 0;
  if (gpu_ns > closed_ns_) {
    pieces_.push_back({kind, pid, closed_ns_, gpu_ns, ends});
    closed_ns_ = gpu_ns;
  } else if (ends && !pieces_.empty() && pieces_.back().kind == kind && pieces_.back().pid == pid) {
    pieces_.back().ends = true;
  }
}

void Timeline::advance(int64_t gpu_ns) {
  switch (state_) {
    case State::kRunning:
      close(Piece::Kind::kRun, gpu_ns);
      break;
    case State::kUnknown:
      close(Piece::Kind::kUnknown, gpu_ns);
      break;
    case State::kNobody:
      // Up to then it may still turn out to be a switch.
      if (free_since_ns_ && gpu_ns - *free_since_ns_ <= kLongestSwitch.count()) break;
      close(Piece::Kind::kNobody, gpu_ns);
      break;
  }
}

}  // namespace corun::gpu
