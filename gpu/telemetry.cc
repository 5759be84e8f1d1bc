#include "gpu/telemetry.h"

#include <time.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/log.h"

namespace corun::gpu {

namespace {

constexpr auto kPatience = std::chrono::seconds(1);

Nanos thread_cpu_time() {
  timespec ts{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
  return std::chrono::seconds(ts.tv_sec) + Nanos(ts.tv_nsec);
}

}  // namespace

struct Telemetry::Shared {
  Shared(TelemetryReader source, Options given) : reader(std::move(source)), options(given) {}

  void run();
  void keep(GpuSnapshot snapshot);
  void account(Instant begin, Instant previous);

  TelemetryReader reader;  // used by the thread alone
  const Options options;
  std::thread thread;  // used by the owner alone

  mutable std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex.
  bool stopping = false;
  bool ended = false;
  std::deque<GpuSnapshot> kept;
  std::optional<GpuSnapshot> newest;
  std::optional<Error> fault;
  Cost cost;
};

void Telemetry::Shared::keep(GpuSnapshot snapshot) {
  if (kept.size() >= options.capacity) {
    kept.pop_front();
    ++cost.dropped;
  }
  kept.push_back(snapshot);
  newest = std::move(snapshot);
}

void Telemetry::Shared::account(Instant begin, Instant previous) {
  ++cost.readings;
  cost.cpu = thread_cpu_time();
  cost.longest_reading = std::max(cost.longest_reading, monotonic_now() - begin);
  if (previous.ns == 0) return;
  const auto periods = (begin - previous) / options.periods.fast;
  if (periods > 1) cost.late += static_cast<uint64_t>(periods - 1);
}

void Telemetry::Shared::run() {
  Instant previous;
  std::unique_lock lock(mutex);
  while (!stopping) {
    lock.unlock();
    const Instant begin = monotonic_now();
    Result<GpuSnapshot> snapshot = reader.read(begin);
    lock.lock();
    account(begin, previous);
    previous = begin;
    if (!snapshot) {
      fault = snapshot.error();
      break;
    }
    keep(std::move(*snapshot));
    const Nanos pause = reader.next_due() - monotonic_now();
    wake.wait_for(lock, pause, [this] { return stopping; });
  }
  ended = true;
  wake.notify_all();
}

Telemetry::Telemetry(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {
  shared_->thread = std::thread([state = shared_] { state->run(); });
}

Result<std::unique_ptr<Telemetry>> Telemetry::start(std::shared_ptr<const Nvml> nvml,
                                                    const GpuInfo& gpu, Options options) {
  CORUN_ASSIGN(TelemetryReader reader,
               TelemetryReader::open(std::move(nvml), gpu, options.periods));
  auto shared = std::make_shared<Shared>(std::move(reader), options);
  return std::unique_ptr<Telemetry>(new Telemetry(std::move(shared)));
}

Telemetry::~Telemetry() { stop(); }

std::vector<GpuSnapshot> Telemetry::take() {
  std::deque<GpuSnapshot> taken;
  {
    const std::lock_guard lock(shared_->mutex);
    taken.swap(shared_->kept);
  }
  return {std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end())};
}

std::optional<GpuSnapshot> Telemetry::latest() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->newest;
}

std::optional<Error> Telemetry::fault() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->fault;
}

Telemetry::Cost Telemetry::cost() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->cost;
}

void Telemetry::stop() {
  if (!shared_->thread.joinable()) return;
  bool ended = false;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->wake.notify_all();
    ended = shared_->wake.wait_for(lock, kPatience, [this] { return shared_->ended; });
  }
  if (ended) {
    shared_->thread.join();
  } else {
    log::warn("an NVML call does not return; its thread is left behind");
    shared_->thread.detach();
  }
}

}  // namespace corun::gpu
