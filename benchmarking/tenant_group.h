// The tenants of one cell, watched together on one thread.
#pragma once

#include <functional>
#include <vector>

#include "benchmarking/tenant.h"
#include "core/clock.h"
#include "core/signals.h"

namespace corun::benchmarking {

class TenantGroup {
 public:
  /// `interrupt` may be null (tests); it must outlive the group. `tick` runs now and then while the
  /// group waits, at least every 200 ms.
  explicit TenantGroup(const InterruptGuard* interrupt, std::function<void()> tick = {})
      : interrupt_(interrupt), tick_(std::move(tick)) {}

  std::vector<Tenant>& tenants() { return tenants_; }
  const std::vector<Tenant>& tenants() const { return tenants_; }

  /// How a wait ended.
  enum class Wait { kReached, kTimedOut, kTenantFailed, kInterrupted };
  using Predicate = std::function<bool()>;
  /// Takes in what the tenants say until `reached` holds, one of them fails, the user interrupts,
  /// or `deadline` is past. `poll` bounds how long it sleeps between two looks at `reached`.
  Wait wait(Instant deadline, const Predicate& reached,
            Nanos poll = std::chrono::milliseconds(200));
  /// Waits until `due` (kReached) or for trouble.
  Wait wait_until(Instant due);

  bool any_failed() const;
  /// Whether all are in this phase.
  bool all_in(Tenant::Phase phase) const;
  /// PIDs of all tenants and their descendants.
  std::vector<int> pids() const;

  /// Stops all: politely, together, for at most `grace`; then by force. Returns when nothing is
  /// left of them.
  void stop_all(Nanos grace);

 private:
  bool interrupted() const { return interrupt_ != nullptr && interrupt_->requested(); }
  void pump_once(Instant deadline, bool heed_interrupt);

  const InterruptGuard* interrupt_;
  std::function<void()> tick_;
  std::vector<Tenant> tenants_;
};

}  // namespace corun::benchmarking
