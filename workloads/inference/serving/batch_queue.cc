#include "workloads/inference/serving/batch_queue.h"

#include <algorithm>

#include "core/check.h"

namespace corun::inference {

int64_t BatchQueue::rows() const {
  int64_t rows = 0;
  for (const Waiting& request : waiting_) rows += request.rows;
  return rows;
}

void BatchQueue::add(Waiting request) {
  CORUN_CHECK(!full(), "the caller refuses what does not fit");
  waiting_.push_back(std::move(request));
}

bool BatchQueue::remove(uint64_t id) {
  return std::erase_if(waiting_, [&](const Waiting& request) { return request.id == id; }) > 0;
}

std::vector<uint64_t> BatchQueue::take_expired(Instant now) {
  std::vector<uint64_t> expired;
  const auto late = [&](const Waiting& request) {
    return request.deadline && *request.deadline <= now;
  };
  for (const Waiting& request : waiting_) {
    if (late(request)) expired.push_back(request.id);
  }
  if (!expired.empty()) std::erase_if(waiting_, late);
  return expired;
}

size_t BatchQueue::batch_size(Instant now, bool hurry, int64_t most) const {
  size_t members = 0;
  size_t preferred_members = 0;
  int64_t rows = 0;
  bool may_grow = true;
  for (const Waiting& request : waiting_) {
    if (request.group != waiting_.front().group || rows + request.rows > most) {
      may_grow = false;
      break;
    }
    rows += request.rows;
    ++members;
    const auto& preferred = rules_.preferred;
    if (std::find(preferred.begin(), preferred.end(), rows) != preferred.end()) {
      preferred_members = members;
    }
  }
  if (rows == most || !may_grow || hurry) return members;
  if (preferred_members > 0) return preferred_members;
  return waiting_.front().arrival + rules_.max_delay <= now ? members : 0;
}

BatchQueue::Step BatchQueue::next(Instant now, bool hurry, int64_t most) {
  Step step{.expired = take_expired(now), .batch = {}, .wake = {}};
  if (waiting_.empty() || most <= 0) return step;
  const size_t members = batch_size(now, hurry, most);
  if (members == 0) {
    step.wake = waiting_.front().arrival + rules_.max_delay;
    for (const Waiting& request : waiting_) {
      if (request.deadline) step.wake = std::min(*step.wake, *request.deadline);
    }
  }
  for (size_t i = 0; i < members; ++i) {
    step.batch.push_back(waiting_.front().id);
    waiting_.pop_front();
  }
  return step;
}

}  // namespace corun::inference
