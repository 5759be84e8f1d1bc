#include "benchmarking/barrier.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/units.h"

namespace corun::benchmarking {

namespace {

using Phase = Tenant::Phase;
using Wait = TenantGroup::Wait;

// A silent command with GPU memory gets this long to say that it speaks after all.
constexpr Nanos kSilenceGrace = std::chrono::seconds(3);
// From the commands' sending to the start: every tenant must have read its own by then.
constexpr Nanos kLead = std::chrono::milliseconds(100);
constexpr Nanos kLeadPerTenant = std::chrono::milliseconds(5);
// A check in the middle costs some milliseconds of CPU: only where that is next to nothing.
constexpr Nanos kLongWindow = std::chrono::seconds(5);

Passage passage(Wait wait) {
  switch (wait) {
    case Wait::kReached:
      return Passage::kPassed;
    case Wait::kTimedOut:
    case Wait::kTenantFailed:
      return Passage::kTenantFailed;
    case Wait::kInterrupted:
      return Passage::kInterrupted;
  }
  return Passage::kTenantFailed;
}

bool contains(const std::vector<int>& pids, int pid) {
  return std::find(pids.begin(), pids.end(), pid) != pids.end();
}

// When a silent tenant counts as ready.
class SilentReadiness {
 public:
  SilentReadiness(TenantGroup& group, GpuWatch& watch, Instant started)
      : group_(group), watch_(watch), started_(started), memory_seen_(group.tenants().size()) {}

  void look(Instant now) {
    look_for_memory(now);
    for (size_t i = 0; i < memory_seen_.size(); ++i) {
      Tenant& tenant = group_.tenants()[i];
      if (tenant.phase() != Phase::kStarting || tenant.speaks()) continue;
      const auto& after = tenant.spec().ready_after;
      bool ready = after ? now - started_ >= *after : seen_long_enough(i, now);
      if (ready) tenant.take_for_ready();
    }
  }

  bool needed() const {
    return std::any_of(group_.tenants().begin(), group_.tenants().end(), [](const Tenant& t) {
      return t.phase() == Phase::kStarting && !t.speaks();
    });
  }

 private:
  bool seen_long_enough(size_t i, Instant now) const {
    if (!memory_seen_[i]) return false;
    bool unknown = group_.tenants()[i].spec().speaks == Speaks::kUnknown;
    return now - *memory_seen_[i] >= (unknown ? kSilenceGrace : Nanos(0));
  }

  void look_for_memory(Instant now) {
    auto on_gpu = watch_.processes();
    if (!on_gpu) return;
    std::vector<int> ours = group_.pids();
    bool recognised = std::any_of(on_gpu->begin(), on_gpu->end(),
                                  [&](const GpuProcess& p) { return contains(ours, p.pid); });
    // In a container the driver may tell the host's PIDs: then all are there when as many are.
    bool all_there = !recognised && on_gpu->size() >= group_.tenants().size();
    for (size_t i = 0; i < memory_seen_.size(); ++i) {
      if (memory_seen_[i]) continue;
      std::vector<int> pids = group_.tenants()[i].pids();
      bool seen = std::any_of(on_gpu->begin(), on_gpu->end(),
                              [&](const GpuProcess& p) { return contains(pids, p.pid); });
      if (seen || all_there) memory_seen_[i] = now;
    }
  }

  TenantGroup& group_;
  GpuWatch& watch_;
  Instant started_;
  std::vector<std::optional<Instant>> memory_seen_;
};

/// Takes milliseconds of a processor, as all processes are looked through: not to be done while a
/// workload is measured. Before a window, the workloads have the lead time for it.
std::optional<CpuSample> cpu_of(const Tenant& tenant) {
  std::vector<int> pids = tenant.pids();
  auto sample = sample_cpu(pids, monotonic_now());
  if (!sample) return std::nullopt;
  return std::move(*sample);
}

std::optional<CpuPressure> pressure_between(const std::optional<CpuSample>& before,
                                            const std::optional<CpuSample>& after) {
  if (!before || !after) return std::nullopt;
  return cpu_pressure(*before, *after);
}

void fail_those_in(TenantGroup& group, Phase phase, Failure failure, const std::string& text) {
  for (Tenant& tenant : group.tenants()) {
    if (tenant.phase() == phase) tenant.fail(failure, text);
  }
}

// Waits until all that run have said `done`, and marks those that do not as hung.
// Open-loop ones may drain for half the window's length.
Passage wait_for_done(TenantGroup& group, Instant end, Nanos window, Nanos lateness) {
  Nanos patience = window / 2 + lateness;
  Wait wait = group.wait(end + patience, [&] {
    return std::none_of(group.tenants().begin(), group.tenants().end(),
                        [](const Tenant& t) { return t.phase() == Phase::kRunning; });
  });
  if (wait == Wait::kTimedOut) {
    fail_those_in(
        group, Phase::kRunning, Failure::kHang,
        fmt::format("no `done` within {} after the window's end", format_duration(patience)));
  }
  return passage(wait);
}

}  // namespace

Passage initialise(TenantGroup& group, GpuWatch& watch, const Windows& windows) {
  Instant started = monotonic_now();
  SilentReadiness silent(group, watch, started);
  Wait wait = group.wait(
      started + windows.start_timeout,
      [&] {
        if (silent.needed()) silent.look(monotonic_now());
        return std::none_of(group.tenants().begin(), group.tenants().end(),
                            [](const Tenant& t) { return t.phase() == Phase::kStarting; });
      },
      std::chrono::milliseconds(100));
  if (wait == Wait::kTimedOut) {
    std::string limit = format_duration(windows.start_timeout);
    for (Tenant& tenant : group.tenants()) {
      if (tenant.phase() != Phase::kStarting) continue;
      tenant.fail(Failure::kNeverReady,
                  tenant.speaks() ? fmt::format("no `initialised` within {}", limit)
                                  : fmt::format("no GPU memory within {}; --ready-after DURATION "
                                                "takes it for ready without",
                                                limit));
    }
  }
  return passage(wait);
}

Passage warm_up(TenantGroup& group, const Windows& windows) {
  WarmCommand command{.max_s = to_seconds(windows.max_warm),
                      .window_s = to_seconds(windows.warm_window),
                      .tolerance = windows.warm_tolerance};
  for (Tenant& tenant : group.tenants()) {
    if (tenant.phase() == Phase::kReady) continue;  // silent
    tenant.warm(command);
    Nanos patience = windows.max_warm + windows.patience;
    Wait wait =
        group.wait(monotonic_now() + patience, [&] { return tenant.phase() == Phase::kReady; });
    if (wait == Wait::kTimedOut) {
      tenant.fail(Failure::kNeverReady,
                  fmt::format("no `ready` within {} of warm-up", format_duration(patience)));
    }
    if (wait != Wait::kReached) return passage(wait);
  }
  return Passage::kPassed;
}

Passage run_together(TenantGroup& group, const Windows& windows, std::span<const uint64_t> seeds,
                     std::vector<TenantWindow>& result, const std::function<void()>& middle) {
  std::vector<Tenant>& tenants = group.tenants();
  Nanos window = windows.window;
  Instant at = monotonic_now() + kLead + kLeadPerTenant * static_cast<int64_t>(tenants.size());
  for (size_t i = 0; i < tenants.size(); ++i) {
    tenants[i].begin_window(
        {.window = 1, .at = at, .seconds = to_seconds(window), .seed = seeds[i]});
    result[i].begin = at;
    result[i].seconds = to_seconds(window);
  }
  std::vector<std::optional<CpuSample>> before;
  before.reserve(tenants.size());
  for (const Tenant& tenant : tenants) before.push_back(cpu_of(tenant));
  Wait wait = group.wait_until(at);
  if (wait == Wait::kReached && window >= kLongWindow) {
    wait = group.wait_until(at + window / 2);
    if (wait == Wait::kReached) middle();
  }
  if (wait == Wait::kReached) wait = group.wait_until(at + window);
  if (wait != Wait::kReached) return passage(wait);
  for (size_t i = 0; i < tenants.size(); ++i) {
    result[i].pressure = pressure_between(before[i], cpu_of(tenants[i]));
    if (!tenants[i].speaks()) tenants[i].end_silent_window();
  }
  return wait_for_done(group, at + window, window, windows.patience);
}

Passage run_in_turns(TenantGroup& group, const Windows& windows, std::span<const uint64_t> seeds,
                     std::vector<TenantWindow>& result) {
  std::vector<Tenant>& tenants = group.tenants();
  for (Tenant& tenant : tenants) {
    if (tenant.speaks()) continue;
    tenant.fail(Failure::kNeverReady,
                "a silent command cannot take turns: it does not wait for its own");
    return Passage::kTenantFailed;
  }
  Nanos turn = turn_length(windows, static_cast<int>(tenants.size()));
  for (size_t i = 0; i < tenants.size(); ++i) {
    Instant at = monotonic_now() + kLead;
    tenants[i].begin_window({.window = 1, .at = at, .seconds = to_seconds(turn), .seed = seeds[i]});
    result[i].begin = at;
    result[i].seconds = to_seconds(turn);
    auto before = cpu_of(tenants[i]);
    Wait wait = group.wait_until(at);
    if (wait == Wait::kReached) wait = group.wait_until(at + turn);
    if (wait != Wait::kReached) return passage(wait);
    result[i].pressure = pressure_between(before, cpu_of(tenants[i]));
    Passage done = wait_for_done(group, at + turn, turn, windows.patience);
    if (done != Passage::kPassed) return done;
  }
  return Passage::kPassed;
}

}  // namespace corun::benchmarking
