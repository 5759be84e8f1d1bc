// Bringing tenants to a common start: all load at once, warm up one after another (each alone, so
// that none warms up against the others' noise), and then start at one instant, or take turns.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "benchmarking/gpu_watch.h"
#include "benchmarking/matrix.h"
#include "benchmarking/tenant_group.h"
#include "core/cpus.h"

namespace corun::benchmarking {

/// The window of one tenant, as it was.
struct TenantWindow {
  Instant begin;
  double seconds = 0;  ///< 0: it had none
  std::optional<CpuPressure> pressure;
};

/// How the phases went; the tenants themselves know why one of them failed.
enum class Passage { kPassed, kTenantFailed, kInterrupted };

/// Waits until every tenant has loaded; silent ones are ready then. Marks late ones as failed.
Passage initialise(TenantGroup& group, GpuWatch& watch, const Windows& windows);
/// Warms up one tenant after the other.
Passage warm_up(TenantGroup& group, const Windows& windows);
/// One window for all at once. `middle` runs in the middle of it, when the window is long enough
/// for that to disturb nothing.
Passage run_together(TenantGroup& group, const Windows& windows, std::span<const uint64_t> seeds,
                     std::vector<TenantWindow>& result, const std::function<void()>& middle);
/// One window for each, one after another. Silent tenants cannot take turns: they are marked as
/// failed.
Passage run_in_turns(TenantGroup& group, const Windows& windows, std::span<const uint64_t> seeds,
                     std::vector<TenantWindow>& result);

}  // namespace corun::benchmarking
