// Memory of the model: allocations that wait, moves that take time and may fail, calls that wait
// for a parked process, and the rescue of what a dead daemon left.
#include <algorithm>

#include "tests/sim/world.h"

namespace corun::sim {

namespace {

using policy::ParkState;

constexpr uint64_t kMB = 1'000'000;
constexpr uint64_t kMemory = 8000 * kMB;  ///< a tenth of a GPU's, since a run is short
constexpr double kOutPerNs = 2;           ///< GB/s
constexpr double kBackPerNs = 5;
constexpr int64_t kHelperStart = 300 * kMs;
constexpr int64_t kAdoption = 500 * kMs;
constexpr int64_t kRescueEvery = 200 * kMs;
/// Nobody waits longer to come back while the daemon is there: several others have a turn before,
/// of 19 s times their weight, and their moves.
constexpr int64_t kLongestWait = 110 * kSecond;

int64_t move_time(uint64_t bytes, bool out) {
  return kHelperStart +
         static_cast<int64_t>(static_cast<double>(bytes) / (out ? kOutPerNs : kBackPerNs));
}

}  // namespace

void World::draw_memory() {
  tight_ = true;
  settings_.backend.parking = true;
  settings_.memory_bytes = kMemory;
  settings_.park_idle = std::chrono::seconds(between(1, 3));
  // Moves take seconds: so do the troubles that may meet them.
  faults_end_ = now_ + 25 * kSecond;
  for (int64_t* fault : {&kill_at_, &stop_at_}) {
    if (*fault != kEndless) *fault = now_ + between(100, 24'000) * kMs;
  }
  if (daemon_dies_ != kEndless) {
    daemon_dies_ = now_ + between(1000, 20'000) * kMs;
    daemon_starts_ = daemon_dies_ + between(1, 4000) * kMs;
    if (one_in(2)) kill_at_ = daemon_dies_ + between(0, 1000) * kMs;
  }
  moves_fail_until_ = faults_end_;
  measure_from_ = faults_end_ + 1500 * kMs;
  end_ = measure_from_ + 120 * kSecond;
  for (Tenant& tenant : tenants_) {
    tenant.workload.weight = std::min(tenant.workload.weight, 2.0);
    const bool small = tenant.workload.service_class == ServiceClass::kLatencyCritical;
    tenant.wanted = static_cast<uint64_t>(small ? between(100, 500) : between(3000, 6000)) * kMB;
  }
}

uint64_t World::memory_on_gpu() const {
  uint64_t sum = 0;
  for (const Tenant& tenant : tenants_) {
    if (tenant.alive && tenant.on_gpu) sum += tenant.bytes;
  }
  return sum;
}

/// The driver's answer: it fits, or the shim asks the daemon.
void World::allocate(Tenant& tenant, uint64_t bytes) {
  const bool fits = memory_on_gpu() + bytes <= kMemory;
  tenant.wanted = fits ? 0 : bytes;
  if (fits) tenant.bytes += bytes;
  if (!fits) ++tenant.ask;
}

/// A session of a daemon that has not seen it before: it says whether it is parked, and asks again
/// for what it waits for.
void World::join_with_memory(Tenant& tenant) {
  tenant.held_calls = tenant.call_held_since == kEndless ? 0 : 1;
  if (!tenant.on_gpu || tenant.move_ends != kEndless) {
    decide(
        policy::ParkChanged{.workload = "0/" + tenant.workload.name, .state = ParkState::kParked});
    tenant.adopted = now_ + kAdoption;
  }
  if (tenant.wanted > 0) allocate(tenant, tenant.wanted);
}

void World::answer(const policy::AnswerMemory& answer) {
  Tenant& tenant = *find(answer.session);
  if (answer.ask != tenant.ask || tenant.wanted == 0) return;
  const bool fits = memory_on_gpu() + tenant.wanted <= kMemory;
  if (answer.try_again && fits) tenant.bytes += tenant.wanted;
  tenant.wanted = 0;
}

void World::move(const std::string& workload, bool out) {
  for (Tenant& tenant : tenants_) {
    if (!tenant.alive || "0/" + tenant.workload.name != workload) continue;
    if (tenant.on_gpu != out) continue;
    tenant.moves_out = out;
    tenant.move_fails = out && now_ < moves_fail_until_ && one_in(4);
    tenant.move_ends = now_ + move_time(tenant.bytes, out);
    if (out) continue;
    // The helper looks first: what a new daemon has not heard of yet may be in the way.
    tenant.move_fails = memory_on_gpu() + tenant.bytes > kMemory;
    if (tenant.move_fails) tenant.move_ends = now_ + kHelperStart;
    tenant.on_gpu = !tenant.move_fails;  // its memory is taken from the start
  }
}

void World::end_move(Tenant& tenant) {
  tenant.move_ends = kEndless;
  if (tenant.moves_out && !tenant.move_fails) tenant.on_gpu = false;
  if (tenant.on_gpu) tenant.call_held_since = kEndless;
  if (daemon_up_ && state_.sessions.contains(tenant.id)) tell_move(tenant);
}

/// The daemon hears of a workload's move when the last of its processes is through.
void World::tell_move(const Tenant& tenant) {
  policy::ParkChanged event{.workload = "0/" + tenant.workload.name, .bytes = 0};
  for (const Tenant& one : tenants_) {
    if (!one.alive || one.workload.name != tenant.workload.name) continue;
    if (one.move_ends != kEndless) return;
    event.bytes += one.bytes;
  }
  event.ok = !tenant.move_fails;
  event.state = tenant.moves_out == event.ok ? ParkState::kParked : ParkState::kRunning;
  event.took = Nanos(move_time(event.bytes, tenant.moves_out));
  decide(event);
}

void World::memory_events() {
  if (!tight_) return;
  for (Tenant& tenant : tenants_) {
    if (!tenant.alive) continue;
    if (now_ >= tenant.move_ends) end_move(tenant);
    // A process that works and is not on the GPU, or on its way: its next call waits and asks.
    const auto place = state_.residency.find("0/" + tenant.workload.name);
    const bool away = !tenant.on_gpu || tenant.move_ends != kEndless;
    const bool works = tenant.rate <= 0 ? now_ >= tenant.stopped_until : tenant.pending > 0;
    if (away && works && tenant.call_held_since == kEndless) {
      tenant.call_held_since = now_;
      ++tenant.held_calls;
      if (daemon_up_ && place != state_.residency.end()) tick_at_ = now_;  // its notice
    }
    if (daemon_up_ && now_ >= tenant.adopted) {
      tenant.adopted = kEndless;
      decide(policy::ResumeAsked{"0/" + tenant.workload.name});
    }
  }
  rescue_events();
}

/// What a dead daemon left parked comes back as soon as it fits.
void World::rescue_events() {
  if (daemon_up_ || !parts_.rescue || now_ < daemon_died_ + kRescueEvery) return;
  for (Tenant& tenant : tenants_) {
    const bool waits = tenant.alive && !tenant.on_gpu && tenant.move_ends == kEndless;
    if (waits && memory_on_gpu() + tenant.bytes <= kMemory) {
      move("0/" + tenant.workload.name, false);
    }
  }
}

int64_t World::next_memory_event() const {
  int64_t next = kEndless;
  if (!tight_) return next;
  for (const Tenant& tenant : tenants_) {
    if (tenant.alive) next = std::min({next, tenant.move_ends, tenant.adopted});
  }
  return next;
}

void World::check_memory() {
  if (!tight_) return;
  check(memory_on_gpu() <= kMemory, "more memory is on the GPU than it has");
  for (const Tenant& tenant : tenants_) {
    if (!tenant.alive || tenant.on_gpu || tenant.call_held_since == kEndless) continue;
    // With the daemon gone it may have to wait for room, but not for ever for somebody to look.
    if (!daemon_up_ && memory_on_gpu() + tenant.bytes <= kMemory) {
      check(now_ - std::max(tenant.call_held_since, daemon_died_) < kSecond,
            "tenant " + std::to_string(tenant.id) + " stays parked without a daemon");
    }
    if (!daemon_up_ || now_ < measure_from_) continue;
    check(now_ - std::max(tenant.call_held_since, measure_from_) < kLongestWait,
          "tenant " + std::to_string(tenant.id) + " waits too long to come back");
  }
}

/// In the measured part everybody who always has work and whose memory was granted has done some.
void World::check_progress() {
  for (size_t i = 0; i < tenants_.size(); ++i) {
    const Tenant& tenant = tenants_[i];
    if (!tenant.alive || tenant.rate > 0 || tenant.lie != Lie::kNone) continue;
    check(groups_[i].done > done_before_[i],
          "tenant " + std::to_string(tenant.id) + " did nothing while memory was short");
  }
}

}  // namespace corun::sim
