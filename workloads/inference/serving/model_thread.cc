#include "workloads/inference/serving/model_thread.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "workloads/tenant/waiting.h"

namespace corun::inference {

ModelThread::ModelThread(AnyModel& model, const BatchRules& rules, const Clock& clock)
    : queue_(rules), any_model_(model), clock_(clock), max_queue_(rules.max_queue) {}

Status ModelThread::start() {
  std::unique_lock lock(mutex_);
  state_ = State::kLoading;
  thread_ = std::thread([this] { run(); });
  wake_.wait(lock, [this] { return state_ != State::kLoading; });
  return loaded_;
}

bool ModelThread::ready() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kServing && !draining_;
}

void ModelThread::begin_drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  wake_.notify_all();
}

bool ModelThread::drained(Instant until) {
  std::unique_lock lock(mutex_);
  while (state_ == State::kServing) {
    if (monotonic_now() >= until) return false;
    wait(lock, Rest{until});
  }
  return true;
}

void ModelThread::drain() {
  begin_drain();
  if (thread_.joinable()) thread_.join();
}

Result<std::optional<tenant::Verification>> ModelThread::verify() {
  std::promise<Result<std::optional<tenant::Verification>>> promise;
  auto verified = promise.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kServing) return failed("the model '" + signature().name + "' has ended");
    errands_.push_back([&] { promise.set_value(any_model_.verify()); });
  }
  wake_.notify_all();
  return verified.get();
}

void ModelThread::observe(Observer observer) {
  const std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

void ModelThread::tell(const Timing& timing, uint64_t items) {
  metrics_.count(timing);
  const std::lock_guard lock(mutex_);
  if (observer_) observer_(timing, items);
}

std::optional<Refusal> ModelThread::refusal() const {
  const std::string& name = any_model_.signature().name;
  if (draining_) return Refusal{Reason::kDraining, "the server is ending", {}};
  if (state_ != State::kServing) {
    return Refusal{Reason::kNotReady, fmt::format("model '{}' is not ready", name), {}};
  }
  if (!queue_.full()) return std::nullopt;
  const double wait_s = row_s_ * static_cast<double>(queue_.rows());
  return Refusal{
      Reason::kFull,
      fmt::format("the queue of model '{}' is full: {} requests wait", name, queue_.size()),
      from_seconds(wait_s)};
}

void ModelThread::worked(int64_t rows, Nanos duration) {
  constexpr double kNew = 0.2;
  const double row_s = to_seconds(duration) / static_cast<double>(std::max<int64_t>(rows, 1));
  const std::lock_guard lock(mutex_);
  row_s_ = row_s_ == 0 ? row_s : (1 - kNew) * row_s_ + kNew * row_s;
}

void ModelThread::wait(std::unique_lock<std::mutex>& lock, const Rest& rest) {
  if (!rest.until) return wake_.wait(lock);
  // libstdc++'s steady_clock is CLOCK_MONOTONIC.
  using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Nanos>;
  wake_.wait_until(lock, SteadyTime(Nanos(rest.until->ns)));
}

void ModelThread::run() {
  tenant::use_finest_timers();
  Status loaded = any_model_.load();
  memory_bytes_ = any_model_.memory_bytes();
  std::unique_lock lock(mutex_);
  loaded_ = loaded;
  state_ = loaded ? State::kServing : State::kEnded;
  wake_.notify_all();
  while (state_ == State::kServing) {
    while (!errands_.empty()) {
      const std::function<void()> errand = std::move(errands_.front());
      errands_.pop_front();
      lock.unlock();
      errand();
      lock.lock();
    }
    const std::optional<Rest> rest = work(lock);
    if (!rest) continue;
    if (draining_ && idle() && errands_.empty()) break;
    if (errands_.empty()) wait(lock, *rest);
  }
  state_ = State::kEnded;
  wake_.notify_all();
}

}  // namespace corun::inference
