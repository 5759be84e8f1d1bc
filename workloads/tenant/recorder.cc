#include "workloads/tenant/recorder.h"

#include <chrono>

namespace corun::tenant {

namespace {
// The protocol asks for ten progress lines a second and one line of requests.
constexpr Nanos kSamplePeriod = std::chrono::milliseconds(25);
constexpr Nanos kProgressPeriod = std::chrono::milliseconds(75);
constexpr Nanos kRequestsPeriod = std::chrono::milliseconds(500);
}  // namespace

Recorder::Recorder(int window, Instant start, MessageSink& sink)
    : log_(window, start),
      start_(start),
      sink_(sink),
      next_progress_(start + kProgressPeriod),
      next_requests_(start + kRequestsPeriod) {
  log_.sample(start);
  thread_ = std::thread([this] { run(); });
}

Recorder::~Recorder() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
}

void Recorder::items(uint64_t count) {
  const std::lock_guard lock(mutex_);
  log_.add_items(count);
}

void Recorder::request(Instant scheduled, Instant start, Instant end, uint64_t items) {
  const std::lock_guard lock(mutex_);
  log_.add_request(scheduled, start, end, items);
}

bool Recorder::listening() const {
  const std::lock_guard lock(mutex_);
  return static_cast<bool>(status_);
}

void Recorder::run() {
  for (;;) {
    std::optional<Message> progress;
    std::optional<Message> requests;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kSamplePeriod, [this] { return ending_; });
      if (ending_) return;
      const Instant now = monotonic_now();
      if (now <= start_) continue;  // the loop waits for the window
      log_.sample(now);
      if (now >= next_progress_) {
        progress = log_.take_progress();
        next_progress_ = now + kProgressPeriod;
      }
      if (now >= next_requests_) {
        requests = log_.take_requests();
        next_requests_ = now + kRequestsPeriod;
      }
    }
    for (const auto* message : {&progress, &requests}) {
      if (!message->has_value()) continue;
      Status written = sink_.write(**message);
      if (written) continue;
      const std::lock_guard lock(mutex_);
      status_ = std::move(written);
      return;
    }
  }
}

Result<uint64_t> Recorder::finish(Instant now) {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
  CORUN_TRY(status_);
  log_.sample(now);
  if (auto progress = log_.take_progress()) CORUN_TRY(sink_.write(*progress));
  if (auto requests = log_.take_requests()) CORUN_TRY(sink_.write(*requests));
  return log_.items();
}

}  // namespace corun::tenant
