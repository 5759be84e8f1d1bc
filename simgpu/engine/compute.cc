#include "simgpu/engine/compute.h"

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace corun::simgpu {
namespace {

/// Blocks join their kernel's latest cohort while less than this part of it is done: the SM time
/// stays the same, and pieces do not get smaller without end where several kernels are packed.
constexpr double kYoungCohort = 1.0 / 16;
constexpr uint32_t kSpreadCohorts = 4;
/// More switches than anybody leaves unread; then the oldest are forgotten.
constexpr size_t kMostSwitches = 1U << 16;

}  // namespace

double Cohort::remaining_at(Instant t) const {
  return std::max(0.0, remaining - static_cast<double>((t - since).count()) * rate);
}

void Tenant::account(Instant t) {
  busy = busy_until(t);
  sm_ns = sm_ns_until(t);
  since = t;
}

Nanos Tenant::busy_until(Instant t) const {
  return running && cohorts > 0 ? busy + (t - since) : busy;
}

double Tenant::sm_ns_until(Instant t) const {
  if (!running || held_parts == 0) return sm_ns;
  return sm_ns + static_cast<double>(held_parts) / static_cast<double>(kSmParts) *
                     static_cast<double>((t - since).count());
}

Compute::Compute(const Profile& profile, Instant start)
    : restore_(profile.slice_restore),
      switch_(profile.slice_switch),
      record_gap_(std::min(profile.slice_record_gap, profile.slice_switch)),
      least_work_(profile.slice_least_work),
      block_spread_(profile.block_spread),
      bandwidth_(profile.dram_bytes_per_s * 1e-9),
      all_parts_(profile.sm_count * kSmParts),
      accounted_(start) {}

Group& Compute::add_group(GroupId id, Nanos slice) {
  groups_.push_back(std::make_unique<Group>());
  groups_.back()->id = id;
  groups_.back()->slice = slice;
  return *groups_.back();
}

void Compute::remove_group(Group& group) {
  CORUN_CHECK(group.tenants.empty(), "a group with contexts is removed");
  CORUN_CHECK(!group.has_work(), "a group with work is removed");
  if (resident_ == &group) {
    resident_ = nullptr;
    phase_ = Phase::kEmpty;
    phase_end_ = slice_end_ = next_finish_ = kNever;
  }
  std::erase_if(groups_, [&](const auto& owned) { return owned.get() == &group; });
}

void Compute::add_tenant(Group& group, Tenant& tenant, Instant t) {
  tenant.since = t;
  tenant.running = running() && resident_ == &group;
  group.tenants.push_back(&tenant);
}

void Compute::remove_tenant(Group& group, Tenant& tenant, Instant t) {
  cancel_kernels(group, tenant, t);
  tenant.running = false;
  std::erase(group.tenants, &tenant);
}

void Compute::cancel_kernels(Group& group, const Tenant& tenant, Instant t) {
  std::vector<Kernel*> gone;
  std::erase_if(group.waiting, [&](Kernel* kernel) {
    if (kernel->tenant != &tenant) return false;
    kernel->blocks_waiting = 0;
    if (kernel->cohorts == 0) gone.push_back(kernel);
    return true;
  });
  std::erase_if(group.cohorts, [&](const Cohort& cohort) {
    if (cohort.kernel->tenant != &tenant) return false;
    Tenant& owner = *cohort.kernel->tenant;
    owner.account(t);
    owner.held_parts -= cohort.parts;
    --owner.cohorts;
    group.held_parts -= cohort.parts;
    if (--cohort.kernel->cohorts == 0) gone.push_back(cohort.kernel);
    return true;
  });
  if (!gone.empty()) change_work(group, 0, -static_cast<int>(gone.size()));
  rates_dirty_ = true;
}

void Compute::change_work(Group& group, int holds, int kernels) {
  const bool before = group.has_work();
  group.holds += holds;
  group.kernels += kernels;
  groups_with_work_ += static_cast<int>(group.has_work()) - static_cast<int>(before);
}

void Compute::launch(Group& group, Kernel& kernel) {
  change_work(group, 0, 1);
  const auto behind =
      std::upper_bound(group.waiting.begin(), group.waiting.end(), &kernel,
                       [](const Kernel* a, const Kernel* b) { return a->order < b->order; });
  group.waiting.insert(behind, &kernel);
}

bool Compute::others_have_work() const {
  const int own = resident_ != nullptr && resident_->has_work() ? 1 : 0;
  return groups_with_work_ > own;
}

void Compute::note_switches(bool wanted) {
  notes_switches_ = wanted;
  if (!wanted) switches_.clear();
}

void Compute::note(Instant t, GroupId group, bool begins) {
  if (!notes_switches_) return;
  if (switches_.size() == kMostSwitches) switches_.pop_front();
  switches_.push_back({t, group, begins});
}

void Compute::take_switches(Instant t, std::vector<GroupSwitch>& out) {
  while (!switches_.empty() && switches_.front().at <= t) {
    out.push_back(switches_.front());
    switches_.pop_front();
  }
}

Instant Compute::next() const {
  switch (phase_) {
    case Phase::kEmpty:
      return kNever;
    case Phase::kRestoring:
    case Phase::kSwitching:
      return phase_end_;
    case Phase::kRunning:
      return std::min(slice_end_, next_finish_);
  }
  return kNever;
}

Instant Compute::earliest_run(const Group& group, Instant work_at, Instant next_event) const {
  if (resident_ == &group) return phase_ == Phase::kRestoring ? phase_end_ : Instant{INT64_MIN};
  const Instant wanted = group.has_work() ? Instant{INT64_MIN} : work_at;
  switch (phase_) {
    case Phase::kEmpty:
      return wanted;
    case Phase::kSwitching:
      return std::max(wanted, phase_end_) + restore_;
    case Phase::kRestoring:
    case Phase::kRunning:
      break;
  }
  return std::max(wanted, next_event) + switch_ + restore_;
}

void Compute::step(Instant t, std::vector<Kernel*>& done) {
  if (next() > t) return;
  ++events_;
  switch (phase_) {
    case Phase::kEmpty:
      return;
    case Phase::kRestoring:
      run_resident(t);
      return;
    case Phase::kSwitching:
      make_resident(next_group(), t);
      return;
    case Phase::kRunning:
      if (next_finish_ <= t) finish_cohorts(t, done);
      if (slice_end_ <= t) {
        slice_over_ = true;
        slice_end_ = kNever;
      }
      return;
  }
}

void Compute::settle(Instant t) {
  if (phase_ == Phase::kEmpty && groups_with_work_ > 0) make_resident(next_group(), t);
  if (resident_ == nullptr || phase_ == Phase::kSwitching) return;
  if (!others_have_work()) {
    slice_end_ = kNever;
    slice_over_ = false;
  } else if (slice_over_ || !resident_->has_work()) {
    begin_switch(t);
    return;
  } else if (slice_end_ == kNever) {
    slice_end_ = std::max(t + resident_->slice, run_from_ + least_work_);
  }
  if (phase_ == Phase::kRunning) place_blocks(*resident_, t);
}

void Compute::make_resident(Group* group, Instant t) {
  resident_ = group;
  slice_end_ = kNever;
  slice_over_ = false;
  if (group == nullptr) {
    phase_ = Phase::kEmpty;
    phase_end_ = kNever;
    return;
  }
  last_resident_ = group->id;
  note(t, group->id, true);
  phase_ = Phase::kRestoring;
  phase_end_ = run_from_ = t + restore_;
  if (restore_ == Nanos(0)) run_resident(t);
}

void Compute::run_resident(Instant t) {
  phase_ = Phase::kRunning;
  phase_end_ = kNever;
  for (Tenant* tenant : resident_->tenants) {
    tenant->account(t);
    tenant->running = true;
  }
  for (Cohort& cohort : resident_->cohorts) cohort.since = t;
  rates_dirty_ = true;
}

void Compute::suspend(Instant t) {
  for (Tenant* tenant : resident_->tenants) {
    tenant->account(t);
    tenant->running = false;
  }
  for (Cohort& cohort : resident_->cohorts) {
    cohort.remaining = cohort.remaining_at(t);
    cohort.rate = 0;
    cohort.finish = kNever;
  }
}

void Compute::begin_switch(Instant t) {
  if (phase_ == Phase::kRunning) suspend(t);
  note(t + switch_ - record_gap_, resident_->id, false);
  resident_ = nullptr;
  next_finish_ = slice_end_ = kNever;
  dram_rate_ = 0;
  phase_ = Phase::kSwitching;
  phase_end_ = t + switch_;
}

void Compute::preempt(const Group& group, Instant t) {
  const bool on_device = phase_ == Phase::kRestoring || phase_ == Phase::kRunning;
  if (on_device && resident_ == &group && group.has_work()) begin_switch(t);
}

/// The next group with work behind the last resident one; that one itself comes last.
Group* Compute::next_group() const {
  Group* first = nullptr;
  for (const auto& group : groups_) {
    if (!group->has_work()) continue;
    if (group->id > last_resident_) return group.get();
    if (first == nullptr) first = group.get();
  }
  return first;
}

void Compute::finish_cohorts(Instant t, std::vector<Kernel*>& done) {
  Group& group = *resident_;
  size_t kept = 0;
  for (size_t i = 0; i < group.cohorts.size(); ++i) {
    Cohort& cohort = group.cohorts[i];
    if (cohort.finish > t) {
      if (kept != i) group.cohorts[kept] = cohort;
      ++kept;
      continue;
    }
    Kernel& kernel = *cohort.kernel;
    kernel.tenant->account(t);
    kernel.tenant->held_parts -= cohort.parts;
    --kernel.tenant->cohorts;
    group.held_parts -= cohort.parts;
    ++events_;
    if (--kernel.cohorts == 0 && kernel.blocks_waiting == 0) {
      change_work(group, 0, -1);
      done.push_back(&kernel);
    }
  }
  group.cohorts.resize(kept);
  next_finish_ = kNever;  // settle() finds the next one
  rates_dirty_ = true;
}

void Compute::start_blocks(Group& group, Kernel& kernel, uint64_t blocks, Instant t) {
  Tenant& tenant = *kernel.tenant;
  tenant.account(t);
  const int64_t parts = static_cast<int64_t>(blocks) * kernel.block_parts;
  const double demand = kernel.bytes_per_block * static_cast<double>(blocks) / kernel.block_ns;
  tenant.held_parts += parts;
  group.held_parts += parts;
  kernel.blocks_waiting -= blocks;
  rates_dirty_ = true;
  const bool spread = kernel.fills_once && group.tenants.size() > 1 && block_spread_ > 0;
  if (spread && (kernel.cohorts == 0 || kernel.cohorts == kSpreadCohorts)) {
    start_spread(group, kernel, parts, demand, t);
    return;
  }
  if (Cohort* young = young_cohort(group, kernel, t)) {
    const auto own = static_cast<double>(young->parts);
    const auto added = static_cast<double>(parts);
    young->remaining = (young->remaining_at(t) * own + kernel.block_ns * added) / (own + added);
    young->parts += parts;
    young->demand += demand;
    young->since = t;
    young->rate = 0;
    return;
  }
  ++tenant.cohorts;
  ++kernel.cohorts;
  group.cohorts.push_back({&kernel, parts, demand, kernel.block_ns, 0, t});
}

/// Blocks of a kernel that fills the device once beside other contexts: the first ones make the
/// cohorts, those that come while none has ended join them, and all go on from the begin.
void Compute::start_spread(Group& group, Kernel& kernel, int64_t parts, double demand, Instant t) {
  if (kernel.cohorts == 0) {
    for (uint32_t i = 0; i < kSpreadCohorts; ++i) group.cohorts.push_back({&kernel, 0, 0, 0, 0, t});
    kernel.cohorts = kSpreadCohorts;
    kernel.tenant->cohorts += static_cast<int>(kSpreadCohorts);
  }
  uint32_t index = 0;
  for (Cohort& cohort : group.cohorts) {
    if (cohort.kernel != &kernel) continue;
    const int64_t share = parts / kSpreadCohorts;
    cohort.parts += index == 0 ? parts - share * (kSpreadCohorts - 1) : share;
    cohort.demand += demand / kSpreadCohorts;
    const double early = static_cast<double>(kSpreadCohorts - 1 - index) / (kSpreadCohorts - 1);
    cohort.remaining = kernel.block_ns * (1 - block_spread_ * early);
    cohort.since = t;
    cohort.rate = 0;
    ++index;
  }
}

/// The kernel's latest cohort, if it started so lately that blocks of now may join it.
Cohort* Compute::young_cohort(Group& group, const Kernel& kernel, Instant t) {
  if (kernel.cohorts == 0) return nullptr;
  for (size_t i = group.cohorts.size(); i > 0; --i) {
    Cohort& cohort = group.cohorts[i - 1];
    if (cohort.kernel != &kernel) continue;
    const double done = kernel.block_ns - cohort.remaining_at(t);
    return done <= kernel.block_ns * kYoungCohort ? &cohort : nullptr;
  }
  return nullptr;
}

void Compute::place_blocks(Group& group, Instant t) {
  size_t placed = 0;
  for (size_t i = 0; i < group.waiting.size(); ++i) {
    Kernel& kernel = *group.waiting[i];
    Tenant& tenant = *kernel.tenant;
    const int64_t room = all_parts_ - group.held_parts;
    const int64_t own_room = tenant.cap_parts - tenant.held_parts;
    const auto fit = static_cast<uint64_t>(std::min(room, own_room) / kernel.block_parts);
    const uint64_t blocks = std::min(kernel.blocks_waiting, fit);
    if (blocks > 0) start_blocks(group, kernel, blocks, t);
    if (kernel.blocks_waiting == 0) {
      group.waiting[i] = nullptr;
      ++placed;
    } else if (own_room >= room) {
      break;  // those behind it must wait; behind one that its own cap holds they may go
    }
  }
  if (placed > 0) std::erase(group.waiting, nullptr);
  if (rates_dirty_) set_rates(group, t);
}

/// Gives each cohort its rate for the time from `t` on, and finds the next one to finish.
void Compute::set_rates(Group& group, Instant t) {
  rates_dirty_ = false;
  double demand = 0;
  for (const Cohort& cohort : group.cohorts) demand += cohort.demand;
  const bool enough = demand <= bandwidth_;
  dram_rate_ = enough ? demand : bandwidth_;
  if (!enough) share_bandwidth(group);
  next_finish_ = kNever;
  for (size_t i = 0; i < group.cohorts.size(); ++i) {
    Cohort& cohort = group.cohorts[i];
    const double rate = enough ? 1.0 : rates_[i];
    if (rate != cohort.rate) {
      cohort.remaining = cohort.remaining_at(t);
      cohort.rate = rate;
      cohort.since = t;
      cohort.finish = t + Nanos(static_cast<int64_t>(std::ceil(cohort.remaining / rate)));
    }
    next_finish_ = std::min(next_finish_, cohort.finish);
  }
}

/// Max-min fair over SMs: every part of an SM gets what its blocks want, up to a common share.
void Compute::share_bandwidth(Group& group) {
  by_want_.clear();
  double parts_left = 0;
  for (const Cohort& cohort : group.cohorts) {
    const auto parts = static_cast<double>(cohort.parts);
    by_want_.emplace_back(cohort.demand / parts, parts);
    parts_left += parts;
  }
  std::sort(by_want_.begin(), by_want_.end());
  double left = bandwidth_;
  double share = 0;  // bytes/ns for each part
  for (const auto& [want, parts] : by_want_) {
    share = left / parts_left;
    if (want >= share) break;
    left -= want * parts;
    parts_left -= parts;
  }
  rates_.clear();
  for (const Cohort& cohort : group.cohorts) {
    const double most = share * static_cast<double>(cohort.parts);
    rates_.push_back(cohort.demand <= most ? 1.0 : most / cohort.demand);
  }
}

Nanos* Compute::clock_of_phase() {
  switch (phase_) {
    case Phase::kEmpty:
      return &time_.idle;
    case Phase::kRestoring:
      return &time_.restoring;
    case Phase::kSwitching:
      return &time_.switching;
    case Phase::kRunning:
      return resident_->has_work() ? &time_.working : &time_.idle;
  }
  return &time_.idle;
}

void Compute::account(Instant t) {
  if (t <= accounted_) return;
  *clock_of_phase() += t - accounted_;
  if (running() && resident_->has_work()) resident_->time += t - accounted_;
  accounted_ = t;
}

EngineTime Compute::time_until(Instant t) const {
  EngineTime time = time_;
  const Nanos rest = std::max(Nanos(0), t - accounted_);
  switch (phase_) {
    case Phase::kEmpty:
      time.idle += rest;
      break;
    case Phase::kRestoring:
      time.restoring += rest;
      break;
    case Phase::kSwitching:
      time.switching += rest;
      break;
    case Phase::kRunning:
      (resident_->has_work() ? time.working : time.idle) += rest;
      break;
  }
  return time;
}

Nanos Compute::group_time_until(const Group& group, Instant t) const {
  const bool has_sms = running() && resident_ == &group && group.has_work();
  return has_sms ? group.time + std::max(Nanos(0), t - accounted_) : group.time;
}

bool Compute::busy() const {
  switch (phase_) {
    case Phase::kEmpty:
      return false;
    case Phase::kRestoring:
    case Phase::kSwitching:
      return true;
    case Phase::kRunning:
      return resident_->has_work();
  }
  return false;
}

double Compute::sm_share() const {
  if (!running()) return 0;
  return static_cast<double>(resident_->held_parts) / static_cast<double>(all_parts_);
}

}  // namespace corun::simgpu
