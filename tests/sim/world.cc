#include "tests/sim/world.h"

#include <cmath>
#include <map>
#include <set>

#include "core/wire/session_page.h"
#include "tests/policy/invariants.h"

namespace corun::sim {

namespace {

using policy::PolicyKind;

constexpr int64_t kLookEvery = 50 * kMs;  ///< checks, where nothing happens

/// Same result on every standard library, unlike std::uniform_int_distribution.
int64_t draw(std::mt19937_64& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

constexpr uint64_t kTightEvery = 16;  ///< their runs are many times longer

void mix(uint64_t& hash, uint64_t value) { hash = (hash ^ value) * 0x100000001b3ULL; }

}  // namespace

World::World(uint64_t seed, Parts parts) : random_(seed), parts_(parts), gates_(wire::kMaxGates) {
  settings_ = policy::default_settings();
  settings_.kind = static_cast<PolicyKind>(between(0, 4));
  if (one_in(3)) settings_.kind = PolicyKind::kPriority;
  settings_.backend.slices = !one_in(4);
  settings_.gate_with_slices = !one_in(4);
  draw_tenants();
  draw_faults();
  tells_ = seed % 3 != 0;
  if (seed % kTightEvery == 0) draw_memory();
}

std::string World::describe() const {
  std::string text = std::string(to_string(settings_.kind)) +
                     (settings_.backend.slices ? "" : ", no slices") +
                     (settings_.gate_with_slices ? "" : ", no gates with slices");
  for (const Tenant& one : tenants_) {
    text += "; " + std::to_string(one.id) + " " + one.workload.name + " " +
            std::string(to_string(one.workload.service_class)) + " weight " +
            std::to_string(static_cast<int>(one.workload.weight));
    if (one.rate > 0) text += " bursts " + std::to_string(one.burst / kUs) + " us";
    if (one.workload.max_share < 1) text += " capped";
    if (one.lie != Lie::kNone) text += one.lie == Lie::kFrozen ? " frozen" : " garbage";
    if (tight_) text += " " + std::to_string((one.bytes + one.wanted) / 1'000'000) + " MB";
    if (!one.alive) text += " killed";
  }
  return text;
}

int64_t World::between(int64_t low, int64_t high) { return draw(random_, low, high); }

void World::draw_tenants() {
  const bool classes =
      settings_.kind == PolicyKind::kPriority || settings_.kind == PolicyKind::kDeadline;
  const auto criticals = between(0, 2);
  const auto others = between(1, 3);
  for (int64_t i = 0; i < criticals + others; ++i) {
    Tenant tenant;
    tenant.id = static_cast<policy::SessionId>(i + 1);
    tenant.workload.name = "w" + std::to_string(i);
    tenant.workload.weight = static_cast<double>(between(1, 4));
    if (i < criticals) {
      tenant.workload.service_class = ServiceClass::kLatencyCritical;
      tenant.workload.latency_target = Nanos(between(2, 20) * kMs);
      tenant.rate = static_cast<double>(between(5, 60));
      tenant.burst = between(200, 3000) * kUs;
      tenant.critical = classes;
    } else {
      tenant.workload.service_class = one_in(2) ? ServiceClass::kBestEffort : ServiceClass::kNormal;
      if (settings_.kind == PolicyKind::kQuota && one_in(3)) tenant.workload.max_share = 0.4;
      if (i > criticals && one_in(5)) tenant.workload.name = "w" + std::to_string(i - 1);
      if (i > criticals && one_in(5)) {  // a notebook: idle most of the time
        tenant.rate = 0.5;
        tenant.burst = between(1, 50) * kMs;
      }
    }
    if (tenant.rate > 0) tenant.arrival = now_ + between(0, 100) * kMs;
    tenants_.push_back(tenant);
  }
  groups_.resize(tenants_.size());
}

void World::draw_faults() {
  const int64_t faulty = 1500 * kMs;
  faults_end_ = now_ + faulty;
  if (one_in(2)) daemon_dies_ = now_ + between(10, 900) * kMs;
  if (daemon_dies_ != kEndless) daemon_starts_ = daemon_dies_ + between(1, 1500) * kMs;
  victim_ = static_cast<size_t>(between(0, static_cast<int64_t>(tenants_.size()) - 1));
  if (one_in(2)) kill_at_ = now_ + between(1, 1400) * kMs;
  // Daemon and workload die together, or one soon after the other.
  if (daemon_dies_ != kEndless && one_in(3)) kill_at_ = daemon_dies_ + between(0, 300) * kMs;
  if (one_in(4)) stop_at_ = now_ + between(1, 800) * kMs;
  if (one_in(5)) {
    Tenant& liar =
        tenants_[static_cast<size_t>(between(0, static_cast<int64_t>(tenants_.size()) - 1))];
    liar.lie = one_in(2) ? Lie::kFrozen : Lie::kGarbage;
  }
  // Long enough for weights within a point where slices do it, for many turns elsewhere.
  const bool rotate = settings_.kind == PolicyKind::kRotate;
  measure_from_ = faults_end_ + 1500 * kMs;
  end_ = measure_from_ + (rotate ? 20 : 4) * kSecond;
}

Tenant* World::find(policy::SessionId id) {
  for (Tenant& tenant : tenants_) {
    if (tenant.id == id) return &tenant;
  }
  return nullptr;
}

void World::check(bool holds, const std::string& what) {
  if (holds || !outcome_.broken.empty()) return;
  outcome_.broken = "at " + std::to_string(now_ / kUs) + " us: " + what;
}

// --- the daemon ---

void World::decide(const policy::Event& event) {
  const auto actions = policy::decide(state_, event, Instant{now_});
  ++outcome_.decisions;
  for (const policy::Action& action : actions) carry_out(action);
  const std::string broken = policy::broken_invariant(state_);
  check(broken.empty(), broken);
  const auto next = policy::next_turn(state_);
  tick_at_ = std::max(now_ + kMs, next ? std::min(next->ns, now_ + 100 * kMs) : now_ + 100 * kMs);
}

void World::carry_out(const policy::Action& action) {
  const auto page = [this](policy::SessionId id) -> Tenant& { return *find(id); };
  mix(outcome_.hash, action.change.index());
  if (const auto* slice = std::get_if<policy::SetSlice>(&action.change)) {
    mix(outcome_.hash, slice->slice_us);
    page(slice->session).slice_us = slice->slice_us;
    page(slice->session).slice_due = now_ + between(230, 470) * kUs;
  } else if (const auto* armed = std::get_if<policy::SetArmed>(&action.change)) {
    mix(outcome_.hash, armed->armed);
    page(armed->session).armed = armed->armed;
  } else if (const auto* gate = std::get_if<policy::AssignGate>(&action.change)) {
    Tenant& holder = page(gate->session);
    if (holder.gate >= 0) open(gates_[static_cast<size_t>(holder.gate)]);
    holder.gate = gate->gate;
    holder.linger = gate->linger_us * kUs;
    if (gate->gate >= 0) gates_[static_cast<size_t>(gate->gate)].holder = holder.id;
  } else if (const auto* close = std::get_if<policy::SetClosePermille>(&action.change)) {
    page(close->session).permille = close->permille;
  } else if (const auto* turn = std::get_if<policy::SetTurn>(&action.change)) {
    mix(outcome_.hash, turn->session * 2 + (turn->open ? 1 : 0));
    page(turn->session).turn_open = turn->open;
  } else if (const auto* park = std::get_if<policy::Park>(&action.change)) {
    move(park->workload, true);
  } else if (const auto* resume = std::get_if<policy::Resume>(&action.change)) {
    move(resume->workload, false);
  } else if (const auto* memory = std::get_if<policy::AnswerMemory>(&action.change)) {
    answer(*memory);
  }
}

policy::SessionReading World::reading(Tenant& tenant) {
  const auto index = static_cast<size_t>(&tenant - tenants_.data());
  policy::SessionReading reading;
  reading.contexts = 1;
  reading.new_bursts.swap(tenant.new_bursts);
  reading.memory_bytes = tenant.bytes;
  reading.wanted_bytes = tenant.wanted;
  reading.memory_ask = tenant.ask;
  reading.held_calls = tenant.held_calls;
  reading.contexts = tight_ ? 0 : 1;  // of no memory of their own in this model
  reading.launches = static_cast<uint64_t>(groups_[index].done / (100 * kUs) + tenant.counted);
  reading.calls = reading.launches;
  if (tells_ && (tenant.armed & wire::kArmedTurn) != 0) {
    reading.queued = tenant.rate > 0 ? tenant.pending > 0 : now_ >= tenant.stopped_until;
  }
  if (tenant.lie == Lie::kFrozen) {
    reading.launches = 0;
    reading.queued = tells_ ? std::optional(false) : std::nullopt;
  }
  if (tenant.lie == Lie::kGarbage) {
    reading.launches = random_();
    reading.gpu_time = Nanos(static_cast<int64_t>(random_()));
    reading.contexts = static_cast<uint32_t>(random_() % 3);
    reading.queued = (random_() & 1) != 0;
    reading.computes = (random_() & 1) != 0;
    reading.new_bursts.assign(3, Nanos(static_cast<int64_t>(random_())));
  }
  return reading;
}

void World::tick() {
  policy::Tick tick;
  for (Tenant& tenant : tenants_) {
    if (!state_.sessions.contains(tenant.id)) continue;
    if (tenant.alive) tick.readings[tenant.id] = reading(tenant);
    tenant.lease_until = now_ + kLease;
  }
  for (Gate& gate : gates_) {
    if (parts_.stuck_gates_open && gate.closed && now_ - gate.since > kMaxBurst) open(gate);
  }
  decide(tick);
}

/// The daemon starts with nothing; the shims that live join it anew and get fresh pages.
void World::start_daemon() {
  daemon_up_ = true;
  state_ = {};
  state_.settings = settings_;
  for (Gate& gate : gates_) gate = {};
  for (Tenant& tenant : tenants_) {
    if (!tenant.alive) continue;
    tenant.armed = 0;
    tenant.turn_open = true;
    tenant.gate = -1;
    tenant.permille = 1000;
    tenant.lease_until = now_ + kLease;
    decide(policy::Joined{tenant.id, tenant.workload});
    if (tight_) join_with_memory(tenant);
  }
  tick_at_ = now_;
}

// --- shims, watchdog, GPU ---

void World::open(Gate& gate) {
  gate.closed = false;
  gate.open_at = kEndless;
}

void World::arrive(Tenant& tenant) {
  const double mean_ns = 1e9 / tenant.rate;
  const double uniform = (static_cast<double>(random_() >> 11) + 0.5) * 0x1p-53;
  tenant.arrival = now_ + static_cast<int64_t>(-mean_ns * std::log(uniform));
  if (tenant.pending == 0) tenant.burst_began = now_;
  tenant.pending += tenant.burst;
  ++tenant.counted;
  if (tenant.gate < 0 || now_ >= tenant.lease_until) return;
  if (tenant.counted % 1000 >= tenant.permille) return;  // this one leaks
  Gate& gate = gates_[static_cast<size_t>(tenant.gate)];
  if (!gate.closed) gate.since = now_;
  gate.closed = true;
  gate.open_at = kEndless;
}

void World::drained(Tenant& tenant) {
  tenant.new_bursts.emplace_back(now_ - tenant.burst_began);
  if (tenant.gate < 0) return;
  Gate& gate = gates_[static_cast<size_t>(tenant.gate)];
  if (gate.closed && gate.holder == tenant.id) gate.open_at = now_ + tenant.linger;
}

void World::lease_events() {
  bool any_expired = false;
  for (size_t i = 0; i < tenants_.size(); ++i) {
    Tenant& tenant = tenants_[i];
    if (now_ >= tenant.slice_due) {
      tenant.slice_due = kEndless;
      if (tenant.alive) gpu_.set_slice(groups_, i, tenant.slice_us * kUs);
    }
    if (now_ < tenant.lease_until) continue;
    any_expired = true;
    // Past its lease a shim runs as if corun were absent.
    if (tenant.alive && groups_[i].slice != 2000 * kUs) gpu_.set_slice(groups_, i, 2000 * kUs);
    tenant.slice_due = kEndless;
  }
  if (!any_expired || !parts_.watchdog || daemon_up_) return;
  for (Gate& gate : gates_) open(gate);
}

void World::gate_events() {
  for (Gate& gate : gates_) {
    const Tenant* holder = find(gate.holder);
    const bool shim = holder != nullptr && holder->alive && now_ >= holder->stopped_until;
    if (gate.closed && shim && (now_ >= gate.open_at || now_ - gate.since >= kMaxBurst)) open(gate);
  }
}

void World::tenant_events() {
  for (Tenant& tenant : tenants_) {
    if (tenant.stopped_until > 0 && now_ >= tenant.stopped_until) {
      tenant.stopped_until = 0;
      ++tenant.counted;  // its queue is empty, so it launches, held back or not
    }
    if (!tenant.alive || now_ < tenant.arrival) continue;
    if (now_ < tenant.stopped_until) {
      tenant.arrival = tenant.stopped_until;
      continue;
    }
    arrive(tenant);
  }
}

void World::fault_events() {
  Tenant& victim = tenants_[victim_];
  // One that holds a gate is hit when it has closed it: that is the worst moment.
  const bool later = victim.gate >= 0 && !gates_[static_cast<size_t>(victim.gate)].closed;
  if (now_ >= stop_at_ && later && now_ < faults_end_) stop_at_ = now_ + 50 * kUs;
  if (now_ >= stop_at_) {
    stop_at_ = kEndless;
    victim.stopped_until = now_ + between(50, 1400) * kMs;
  }
  if (now_ >= kill_at_ && later && now_ < faults_end_) kill_at_ = now_ + 50 * kUs;
  if (now_ >= kill_at_) {
    kill_at_ = kEndless;
    victim.alive = false;
    victim.died = now_;
    victim.arrival = kEndless;
    victim.pending = 0;
    notice_at_ = now_ + between(0, 5) * kMs;
  }
  if (now_ >= daemon_dies_) {
    daemon_dies_ = kEndless;
    daemon_died_ = now_;
    daemon_up_ = false;
  }
  if (!daemon_up_ && now_ >= daemon_starts_) {
    daemon_starts_ = kEndless;
    start_daemon();
  }
  if (daemon_up_ && now_ >= notice_at_) {
    notice_at_ = kEndless;
    if (!state_.sessions.contains(victim.id)) return;
    for (Gate& gate : gates_) {
      if (gate.holder == victim.id) gate = {};
    }
    decide(policy::Left{victim.id, "killed"});
  }
}

void World::refresh_work() {
  for (size_t i = 0; i < tenants_.size(); ++i) {
    Tenant& tenant = tenants_[i];
    bool blocked = false;
    if (tenant.armed != 0 && now_ < tenant.lease_until) {
      for (size_t gate = 0; gate < gates_.size(); ++gate) {
        blocked |= (tenant.armed >> gate & 1U) != 0 && gates_[gate].closed;
      }
      blocked |= (tenant.armed & wire::kArmedTurn) != 0 && !tenant.turn_open;
    }
    if (blocked && !tenant.blocked) tenant.drain = between(0, 300) * kUs;
    tenant.blocked = blocked;
    int64_t work = tenant.rate > 0 ? tenant.pending : kEndless;
    if (!tenant.alive || (tenant.rate <= 0 && now_ < tenant.stopped_until)) work = 0;
    if (!tenant.on_gpu || tenant.move_ends != kEndless || tenant.wanted > 0) work = 0;
    if (blocked) work = std::min(work, tenant.drain);
    groups_[i].work = work;
  }
}

int64_t World::next_event() const {
  int64_t next =
      std::min({end_, now_ + kLookEvery, daemon_dies_, daemon_starts_, kill_at_, stop_at_});
  if (daemon_up_) next = std::min({next, tick_at_, notice_at_});
  next = std::min(next, next_memory_event());
  if (!measuring_) next = std::min(next, measure_from_);
  for (const Tenant& tenant : tenants_) {
    next = std::min({next, tenant.arrival, tenant.slice_due});
    if (tenant.lease_until > now_) next = std::min(next, tenant.lease_until);
    if (tenant.stopped_until > now_) next = std::min(next, tenant.stopped_until);
  }
  for (const Gate& gate : gates_) {
    if (!gate.closed) continue;
    if (gate.open_at > now_) next = std::min(next, gate.open_at);
    if (gate.since + kMaxBurst > now_) next = std::min(next, gate.since + kMaxBurst);
  }
  return std::max(next, now_);
}

// --- checks ---

void World::check_gates() {
  for (const Gate& gate : gates_) {
    if (!gate.closed) continue;
    const Tenant* holder = find(gate.holder);
    const bool dead = holder == nullptr || !holder->alive;
    const int64_t since =
        dead && holder != nullptr ? std::max(gate.since, holder->died) : gate.since;
    check(now_ - since <= kMaxBurst + kLease,
          "a gate is closed for " + std::to_string((now_ - since) / kMs) + " ms, its holder is " +
              (dead ? "dead" : "alive"));
  }
}

void World::begin_measuring() {
  measuring_ = true;
  for (const Group& group : groups_) done_before_.push_back(group.done);
}

/// Of what all tenants that are not latency-critical should get, or only those that always have
/// work, this one's part (its workload's sessions share it).
double World::expected_share(const Tenant& tenant, bool with_bursts) const {
  const bool classes =
      settings_.kind == PolicyKind::kPriority || settings_.kind == PolicyKind::kDeadline;
  const auto weight = [classes](const policy::Workload& workload) {
    const bool normal = workload.service_class == ServiceClass::kNormal;
    return workload.weight * (classes && normal ? 4 : 1);
  };
  std::map<std::string, std::pair<double, int>> workloads;  // weight, sessions
  for (const Tenant& one : tenants_) {
    if (!one.alive || one.critical || (one.rate > 0 && !with_bursts)) continue;
    auto& entry = workloads[one.workload.name];
    entry.first = weight(state_.workloads.at("0/" + one.workload.name));
    ++entry.second;
  }
  double sum = 0;
  for (const auto& [name, entry] : workloads) sum += entry.first;
  const auto& [own, sessions] = workloads.at(tenant.workload.name);
  return own / sum / sessions;
}

void World::check_work() {
  const double window = static_cast<double>(end_ - measure_from_);
  double others = 0;  // done by tenants that always have work
  double bursts = 0;  // asked for by those that do not
  std::set<std::string> lying;
  bool capped = false;
  for (size_t i = 0; i < tenants_.size(); ++i) {
    const Tenant& tenant = tenants_[i];
    if (!tenant.alive) continue;
    if (tenant.lie != Lie::kNone) lying.insert(tenant.workload.name);
    capped |= tenant.workload.max_share < 1;
    if (tenant.rate <= 0) others += static_cast<double>(groups_[i].done - done_before_[i]);
    if (tenant.rate > 0) bursts += tenant.rate * static_cast<double>(tenant.burst) * 1e-9;
    mix(outcome_.hash, static_cast<uint64_t>(groups_[i].done));
  }
  for (size_t i = 0; i < tenants_.size(); ++i) {
    const Tenant& tenant = tenants_[i];
    if (!tenant.alive || tenant.rate > 0) continue;
    if (lying.contains(tenant.workload.name)) continue;  // it loses its own part only
    const auto done = static_cast<double>(groups_[i].done - done_before_[i]);
    const double share = std::min(expected_share(tenant, true), tenant.workload.max_share);
    check(done >= 0.2 * share * std::max(0.2, 1 - bursts) * window,
          "tenant " + std::to_string(tenant.id) + " starves: " + std::to_string(done / window));
  }
  if (lying.empty() && !capped) check_weights(others);
}

/// With slices and nobody but tenants that always have work, weights hold within a point; where
/// bursts come between or the clock gives turns, within five.
void World::check_weights(double others_ns) {
  const bool shares = settings_.backend.slices && settings_.kind != PolicyKind::kRotate;
  bool steady = true;
  for (const Tenant& tenant : tenants_) steady &= !tenant.alive || tenant.rate <= 0;
  // A session that only has bursts takes part of its workload's slices while it counts as active.
  std::map<std::string, bool> bursts;
  bool mixed = false;
  for (const Tenant& tenant : tenants_) {
    if (!tenant.alive) continue;
    const auto [at, fresh] = bursts.try_emplace(tenant.workload.name, tenant.rate > 0);
    mixed |= at->second != (tenant.rate > 0);
  }
  if (!shares || mixed) return;
  // A slice may be cut by the end of the window.
  const double tolerance = steady ? 0.01 + 0.1 / 4 : 0.08;
  for (size_t i = 0; i < tenants_.size(); ++i) {
    const Tenant& tenant = tenants_[i];
    if (!tenant.alive || tenant.rate > 0) continue;
    const double share = static_cast<double>(groups_[i].done - done_before_[i]) / others_ns;
    check(std::abs(share - expected_share(tenant, false)) <= tolerance,
          "tenant " + std::to_string(tenant.id) + " has " + std::to_string(share) + " instead of " +
              std::to_string(expected_share(tenant, false)));
  }
}

Outcome World::run() {
  start_daemon();
  while (now_ < end_ && outcome_.broken.empty()) {
    refresh_work();
    const int64_t next = next_event();
    std::vector<int64_t> before(groups_.size());
    for (size_t i = 0; i < groups_.size(); ++i) before[i] = groups_[i].done;
    now_ = gpu_.run(groups_, now_, next);
    for (size_t i = 0; i < groups_.size(); ++i) {
      Tenant& tenant = tenants_[i];
      const int64_t done = groups_[i].done - before[i];
      if (tenant.blocked) tenant.drain -= std::min(tenant.drain, done);
      if (tenant.rate <= 0 || done == 0) continue;
      tenant.pending -= std::min(tenant.pending, done);
      if (tenant.pending == 0 && tenant.alive) drained(tenant);
    }
    fault_events();
    lease_events();
    tenant_events();
    gate_events();
    memory_events();
    if (daemon_up_ && now_ >= tick_at_) tick();
    check_gates();
    check_memory();
    if (!measuring_ && now_ >= measure_from_) begin_measuring();
  }
  if (!outcome_.broken.empty()) return outcome_;
  if (tight_) {
    check_progress();
  } else {
    check_work();
  }
  return outcome_;
}

}  // namespace corun::sim
