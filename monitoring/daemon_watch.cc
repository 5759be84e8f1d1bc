#include "monitoring/daemon_watch.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "core/environment.h"
#include "engine/client/client.h"

namespace corun::monitoring {

namespace {

constexpr Nanos kLookAgain = std::chrono::seconds(1);
constexpr double kMostSlicesHz = 10;
constexpr double kMostEventsHz = 5;
constexpr int kSlicesARound = 8;       ///< requests, while there are more
constexpr size_t kMaxKept = 1u << 18;  ///< slices between two take() calls
constexpr Nanos kEndPatience = std::chrono::seconds(2);

}  // namespace

std::optional<std::filesystem::path> find_daemon_folder(const GpuInfo& gpu) {
  for (const std::filesystem::path& dir :
       {client::default_run_dir(), std::filesystem::path(client::kSystemRunDir)}) {
    if (client::Client::connect(dir, gpu.uuid)) return dir;
  }
  return std::nullopt;
}

struct DaemonWatch::Shared {
  Shared(const GpuInfo& info, DaemonFinder finder, double rate)
      : gpu(info), find(std::move(finder)), hz(rate) {}

  void run();
  /// Asks until the daemon does not answer, or it is told to stop.
  void watch(client::Client& daemon);
  Status ask_slices(client::Client& daemon);
  Status ask_events(client::Client& daemon);
  void take_status(client::DaemonStatus status);
  bool pause_until(Instant due);

  const GpuInfo gpu;
  const DaemonFinder find;
  const double hz;
  // Of the thread:
  uint64_t slices_since = 0;
  uint64_t events_since = 0;
  int daemon_pid = 0;

  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex.
  bool stopping = false;
  bool ended = false;
  bool answers = false;
  std::filesystem::path where;
  DaemonReading kept;
};

bool DaemonWatch::Shared::pause_until(Instant due) {
  std::unique_lock lock(mutex);
  return wake.wait_for(lock, due - monotonic_now(), [this] { return stopping; });
}

void DaemonWatch::Shared::take_status(client::DaemonStatus status) {
  if (status.pid != daemon_pid) {
    daemon_pid = status.pid;
    slices_since = 0;
    events_since = 0;
  }
  const std::lock_guard lock(mutex);
  kept.at = monotonic_now();
  kept.status = std::move(status);
  answers = true;
}

Status DaemonWatch::Shared::ask_slices(client::Client& daemon) {
  for (int i = 0; i < kSlicesARound; ++i) {
    CORUN_ASSIGN(client::Slices slices, daemon.slices("", slices_since));
    const std::lock_guard lock(mutex);
    // What was before the first look is not missed.
    kept.missed = kept.missed || (slices.missed && slices_since > 0);
    slices_since = slices.next;
    if (kept.slices.size() > kMaxKept) kept.slices.clear();
    std::move(slices.entries.begin(), slices.entries.end(), std::back_inserter(kept.slices));
    if (!slices.more) break;
  }
  return {};
}

Status DaemonWatch::Shared::ask_events(client::Client& daemon) {
  CORUN_ASSIGN(client::Events events, daemon.events(events_since));
  const std::lock_guard lock(mutex);
  kept.missed = kept.missed || (events.missed && events_since > 0);
  events_since = events.next;
  if (kept.events.size() > kMaxKept) kept.events.clear();
  std::move(events.entries.begin(), events.entries.end(), std::back_inserter(kept.events));
  return {};
}

void DaemonWatch::Shared::watch(client::Client& daemon) {
  const Nanos period = from_seconds(1 / hz);
  const Nanos slices_period = std::max(period, from_seconds(1 / kMostSlicesHz));
  const Nanos events_period = std::max(period, from_seconds(1 / kMostEventsHz));
  Instant slices_due;
  Instant events_due;
  Instant due = monotonic_now();
  while (true) {
    auto status = daemon.status();
    if (!status) return;
    take_status(std::move(*status));
    const Instant now = monotonic_now();
    if (now >= slices_due) {
      if (!ask_slices(daemon)) return;
      slices_due = now + slices_period - period / 2;
    }
    if (now >= events_due) {
      if (!ask_events(daemon)) return;
      events_due = now + events_period - period / 2;
    }
    due = std::max(due + period, monotonic_now());
    if (pause_until(due)) return;
  }
}

void DaemonWatch::Shared::run() {
  do {
    if (const auto dir = find(gpu)) {
      if (auto daemon = client::Client::connect(*dir, gpu.uuid)) {
        {
          const std::lock_guard lock(mutex);
          where = *dir;
        }
        watch(*daemon);
      }
    }
    const std::lock_guard lock(mutex);
    answers = false;
  } while (!pause_until(monotonic_now() + kLookAgain));
  const std::lock_guard lock(mutex);
  ended = true;
  wake.notify_all();
}

DaemonWatch::DaemonWatch(const GpuInfo& gpu, DaemonFinder find, double hz)
    : shared_(std::make_shared<Shared>(gpu, std::move(find), hz)) {
  std::thread([shared = shared_] { shared->run(); }).detach();
}

DaemonWatch::~DaemonWatch() {
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  shared_->wake.notify_all();
  shared_->wake.wait_for(lock, kEndPatience, [this] { return shared_->ended; });
}

std::optional<DaemonReading> DaemonWatch::take() {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->answers) return std::nullopt;
  DaemonReading reading;
  reading.gpu = shared_->gpu.uuid;
  reading.at = shared_->kept.at;
  reading.status = shared_->kept.status;
  reading.slices.swap(shared_->kept.slices);
  reading.events.swap(shared_->kept.events);
  reading.missed = std::exchange(shared_->kept.missed, false);
  return reading;
}

std::optional<std::filesystem::path> DaemonWatch::folder() const {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->answers) return std::nullopt;
  return shared_->where;
}

}  // namespace corun::monitoring
