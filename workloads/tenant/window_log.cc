#include "workloads/tenant/window_log.h"

#include <algorithm>
#include <utility>

namespace corun::tenant {

void WindowLog::add_request(Instant scheduled, Instant start, Instant end, uint64_t items) {
  requests_.scheduled_us.push_back(micros_after_start(scheduled));
  requests_.start_us.push_back(micros_after_start(std::max(scheduled, start)));
  requests_.end_us.push_back(micros_after_start(std::max({scheduled, start, end})));
  items_ += items;
}

void WindowLog::sample(Instant now) {
  progress_.t_us.push_back(micros_after_start(now));
  progress_.items.push_back(items_);
}

std::optional<ProgressMessage> WindowLog::take_progress() {
  if (progress_.t_us.empty()) return std::nullopt;
  ProgressMessage taken = std::exchange(progress_, {});
  taken.window = window_;
  return taken;
}

std::optional<RequestsMessage> WindowLog::take_requests() {
  if (requests_.start_us.empty()) return std::nullopt;
  RequestsMessage taken = std::exchange(requests_, {});
  taken.window = window_;
  return taken;
}

}  // namespace corun::tenant
