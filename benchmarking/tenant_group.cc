#include "benchmarking/tenant_group.h"

#include <algorithm>

#include "core/wait.h"

namespace corun::benchmarking {

void TenantGroup::pump_once(Instant deadline, bool heed_interrupt) {
  std::vector<int> fds;
  if (heed_interrupt && interrupt_ != nullptr) fds.push_back(interrupt_->fd());
  for (const Tenant& tenant : tenants_) {
    std::vector<int> more = tenant.fds();
    fds.insert(fds.end(), more.begin(), more.end());
  }
  wait_readable(fds, deadline);
  Instant now = monotonic_now();
  for (Tenant& tenant : tenants_) tenant.pump(now);
}

TenantGroup::Wait TenantGroup::wait(Instant deadline, const Predicate& reached, Nanos poll) {
  while (true) {
    if (interrupted()) return Wait::kInterrupted;
    if (any_failed()) return Wait::kTenantFailed;
    if (reached()) return Wait::kReached;
    Instant now = monotonic_now();
    if (now >= deadline) return Wait::kTimedOut;
    pump_once(std::min(deadline, now + poll), true);
    if (tick_) tick_();
  }
}

TenantGroup::Wait TenantGroup::wait_until(Instant due) {
  Wait result = wait(due, [] { return false; });
  return result == Wait::kTimedOut ? Wait::kReached : result;
}

bool TenantGroup::any_failed() const {
  return std::any_of(tenants_.begin(), tenants_.end(),
                     [](const Tenant& t) { return t.phase() == Tenant::Phase::kFailed; });
}

bool TenantGroup::all_in(Tenant::Phase phase) const {
  return std::all_of(tenants_.begin(), tenants_.end(),
                     [&](const Tenant& t) { return t.phase() == phase; });
}

std::vector<int> TenantGroup::pids() const {
  std::vector<int> all;
  for (const Tenant& tenant : tenants_) {
    std::vector<int> pids = tenant.pids();
    all.insert(all.end(), pids.begin(), pids.end());
  }
  return all;
}

void TenantGroup::stop_all(Nanos grace) {
  for (Tenant& tenant : tenants_) tenant.stop();
  auto all_ended = [&] {
    return std::all_of(tenants_.begin(), tenants_.end(), [](const Tenant& t) { return t.ended(); });
  };
  Instant deadline = monotonic_now() + grace;
  while (!all_ended() && monotonic_now() < deadline) pump_once(deadline, false);
  // Descendants that outlived their command, and commands that did not listen.
  for (Tenant& tenant : tenants_) tenant.kill(Nanos(0));
}

}  // namespace corun::benchmarking
