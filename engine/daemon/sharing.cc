#include "engine/daemon/sharing.h"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "core/log.h"
#include "core/units.h"

namespace corun::daemon {

namespace {

constexpr size_t kMaxAbsentRecords = 256;
constexpr size_t kMaxEventText = 400;

/// The session that a change is for; 0: for a workload.
policy::SessionId session_of(const policy::Change& change) {
  return std::visit(
      [](const auto& one) -> policy::SessionId {
        if constexpr (requires { one.session; }) return one.session;
        return 0;
      },
      change);
}

uint32_t wait_ms(const std::optional<Nanos>& most) {
  if (!most) return UINT32_MAX;
  return static_cast<uint32_t>(
      std::clamp<int64_t>(*most / std::chrono::milliseconds(1), 0, UINT32_MAX - 1));
}

/// Takes a change into the orders (gates apart). Whether the workload's thread has to hear of it.
bool take(SessionOrders& orders, const policy::Change& change) {
  return std::visit(
      [&orders](const auto& one) {
        using T = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<T, policy::Park> || std::is_same_v<T, policy::Resume>) {
          return false;
        } else if constexpr (std::is_same_v<T, policy::SetMemoryRoom>) {
          orders.memory_room_bytes = one.bytes;
          return false;
        } else if constexpr (std::is_same_v<T, policy::SetMemoryWait>) {
          orders.memory_wait_ms = wait_ms(one.most);
          return false;
        } else if constexpr (std::is_same_v<T, policy::AnswerMemory>) {
          orders.memory_answer = one.ask << 1 | (one.try_again ? 1U : 0U);
          return false;
        } else if constexpr (std::is_same_v<T, policy::SetSlice>) {
          orders.slice_us = one.slice_us;
        } else if constexpr (std::is_same_v<T, policy::SetArmed>) {
          orders.armed = one.armed;
          orders.wait_every_us = one.wait_every_us;
        } else if constexpr (std::is_same_v<T, policy::AssignGate>) {
          orders.gate = one.gate >= 0 && one.gate < wire::kMaxGates ? one.gate : -1;
          orders.linger_us = one.linger_us;
          orders.regain_us = one.regain_us;
          orders.hold = one.hold;
        } else if constexpr (std::is_same_v<T, policy::SetClosePermille>) {
          orders.close_permille = std::min(one.permille, 1000U);
          return false;
        } else if constexpr (std::is_same_v<T, policy::SetTurn>) {
          orders.turn_open = one.open;
          return false;
        } else {
          static_assert(std::is_same_v<T, policy::SetMemoryLimit>);
          orders.memory_limit_bytes = one.bytes;
        }
        return true;
      },
      change);
}

}  // namespace

policy::Workload effective(const Override& by, policy::Workload asked) {
  asked.service_class = by.service_class.value_or(asked.service_class);
  asked.weight = by.weight.value_or(asked.weight);
  asked.min_share = by.min_share.value_or(asked.min_share);
  asked.max_share = by.max_share.value_or(asked.max_share);
  if (by.memory_limit_bytes) {
    asked.memory_limit_bytes = by.memory_limit_bytes;
    if (*by.memory_limit_bytes == 0) asked.memory_limit_bytes.reset();
  }
  if (by.latency_target_us) {
    asked.latency_target = from_micros(*by.latency_target_us);
    if (*by.latency_target_us <= 0) asked.latency_target.reset();
  }
  return asked;
}

std::string change_text(const policy::Change& change) {
  return std::visit(
      [](const auto& one) -> std::string {
        using T = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<T, policy::Park>) {
          return "parked";
        } else if constexpr (std::is_same_v<T, policy::Resume>) {
          return "brought back";
        } else if constexpr (std::is_same_v<T, policy::SetMemoryRoom>) {
          return one.bytes == 0 ? "no bound of its memory"
                                : fmt::format("may hold {} bytes", one.bytes);
        } else if constexpr (std::is_same_v<T, policy::SetMemoryWait>) {
          if (!one.most) return "allocations wait for memory";
          return fmt::format("allocations wait for memory for {}", format_duration(*one.most));
        } else if constexpr (std::is_same_v<T, policy::AnswerMemory>) {
          return one.try_again ? "memory for an allocation" : "no memory for an allocation";
        } else if constexpr (std::is_same_v<T, policy::SetSlice>) {
          return fmt::format("slice {} us", one.slice_us);
        } else if constexpr (std::is_same_v<T, policy::SetArmed>) {
          if (one.armed == 0) return "waits for nothing";
          std::string gates;
          for (int i = 0; i < wire::kMaxGates; ++i) {
            if ((one.armed >> i & 1) != 0)
              gates += fmt::format("{}gate {}", gates.empty() ? "" : ", ", i);
          }
          if ((one.armed & wire::kArmedTurn) != 0)
            gates += gates.empty() ? "its turn" : ", its turn";
          return fmt::format("waits for {}, once per {} us of work", gates, one.wait_every_us);
        } else if constexpr (std::is_same_v<T, policy::AssignGate>) {
          std::string text =
              one.gate < 0 ? "holds no gate" : fmt::format("holds gate {}", one.gate);
          if (one.gate >= 0 || one.hold) {
            text +=
                fmt::format(", linger {}{} us", one.regain_us == 0 ? "" : "up to ", one.linger_us);
          }
          return text + (one.hold ? ", keeps the GPU busy" : "");
        } else if constexpr (std::is_same_v<T, policy::SetClosePermille>) {
          return fmt::format("{} of 1000 bursts close its gate", one.permille);
        } else if constexpr (std::is_same_v<T, policy::SetTurn>) {
          return one.open ? "its turn" : "not its turn";
        } else {
          static_assert(std::is_same_v<T, policy::SetMemoryLimit>);
          return one.bytes == 0 ? "no memory limit"
                                : fmt::format("memory limit {} bytes", one.bytes);
        }
      },
      change);
}

Sharing::Sharing(SharingOptions options, GatePages& gates, Instant now)
    : options_(std::move(options)),
      pages_(&gates),
      gates_(gates),
      started_(now),
      overrides_(options_.persistent.workloads),
      max_burst_(options_.persistent.max_burst),
      settled_at_(now),
      last_look_(now),
      next_tick_(now + kTick),
      next_renewal_(now + kRenewal) {
  state_.settings = options_.persistent.settings;
  state_.settings.backend.slices = options_.use_slices && !state_.settings.backend.mps;
  state_.settings.memory_bytes = options_.gpu.memory_bytes;
  note("start", fmt::format("governs GPU {} ({})", options_.gpu.uuid, options_.gpu.name), now);
}

// --- sessions -----------------------------------------------------------------------------------

bool Sharing::has_room(uid_t user) const {
  const auto count = std::count_if(sessions_.begin(), sessions_.end(), [user](const auto& entry) {
    return entry.second->peer().user == user;
  });
  return static_cast<size_t>(count) < kMaxSessionsPerUser;
}

WorkloadRecord& Sharing::record(const std::string& key) { return records_[key]; }

Result<Sharing::Welcome> Sharing::join(const Peer& peer, const JoinAsk& ask, bool trusted,
                                       Instant now) {
  const policy::SessionId id = next_session_;
  CORUN_ASSIGN(auto made, Session::create(id, peer, ask, options_.gpu.memory_bytes, now));
  ++next_session_;
  Session& session = *made;
  session.renew_lease(now + kLease);
  const std::string key = session.workload();
  sessions_.emplace(id, std::move(made));
  record(key).left_at = 0;
  held_.join(peer.pid, key);
  policy::Workload workload = ask.workload;
  workload.user = peer.user;
  const auto by = overrides_.find(key);
  if (by != overrides_.end()) workload = effective(by->second, std::move(workload));
  run(policy::Joined{id, std::move(workload)}, now);
  if (ask.parked || parking(key) != ParkState::kRunning) adopt(key, now);
  auto descriptors = session.descriptors(*pages_, trusted);
  if (!descriptors) {
    leave(id, descriptors.error().what, now);
    return descriptors.error();
  }
  if (sessions_.size() == 1) next_tick_ = now + kTick;
  note("join", fmt::format("{} ({}, pid {}) is session {}", key, session.program(), peer.pid, id),
       now);
  return Welcome{id, std::move(descriptors).value()};
}

void Sharing::leave(policy::SessionId id, const std::string& why, Instant now) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  Session& session = *found->second;
  session.read_counters(now);
  const std::string key = session.workload();
  WorkloadRecord& kept = record(key);
  kept.ended += session.counters().totals();
  kept.ended_peak_bytes = std::max(kept.ended_peak_bytes, session.counters().memory_peak_bytes());
  session.orders().armed = 0;
  book_turn(session, now);
  kept.waited += session.book().waits.total();
  held_.leave(session.peer().pid, now);
  for (size_t gate = 0; gate < wire::kMaxGates; ++gate) {
    if (gates_.holder(gate) == id) gates_.assign(gate, 0);
  }
  sessions_.erase(found);
  note("leave", fmt::format("session {} of {}: {}", id, key, why), now);
  run(policy::Left{id, why}, now);
  if (sessions_of(key).empty()) {
    WorkloadRecord& gone = record(key);
    gone.left_at = ++leaves_;
    gone.parking = ParkState::kRunning;
    if (gone.account.since != Instant{}) {
      gone.account.parked += now - std::exchange(gone.account.since, Instant{});
    }
    forget_old_records();
  }
}

/// Names of workloads are free to choose: what is kept of those that are gone is bounded.
void Sharing::forget_old_records() {
  const auto absent = [](const auto& entry) { return entry.second.left_at > 0; };
  while (std::count_if(records_.begin(), records_.end(), absent) >
         static_cast<std::ptrdiff_t>(kMaxAbsentRecords)) {
    auto oldest = records_.end();
    for (auto it = records_.begin(); it != records_.end(); ++it) {
      if (!absent(*it)) continue;
      if (oldest == records_.end() || it->second.left_at < oldest->second.left_at) oldest = it;
    }
    held_.forget(oldest->first);
    records_.erase(oldest);
  }
}

std::vector<policy::SessionId> Sharing::take_sent_away() { return std::exchange(sent_away_, {}); }

std::vector<const Session*> Sharing::sessions_of(const std::string& key) const {
  std::vector<const Session*> found;
  for (const auto& [id, session] : sessions_) {
    if (session->workload() == key) found.push_back(session.get());
  }
  return found;
}

// --- decisions ----------------------------------------------------------------------------------

void Sharing::run(const policy::Event& event, Instant now) {
  for (const policy::Action& action : options_.decider.decide(state_, event, now)) {
    apply(action, now);
  }
}

void Sharing::explain(const std::string& key, policy::SessionId session,
                      const policy::Change& change, const std::string& why, Instant now) {
  const std::string text = change_text(change);
  record(key).reasons[change.index()] = {text, why};
  trace_.add({0, now.ns, session, key, text, why});
}

void Sharing::apply(const policy::Action& action, Instant now) {
  const auto* park = std::get_if<policy::Park>(&action.change);
  const auto* resume = std::get_if<policy::Resume>(&action.change);
  if (park != nullptr || resume != nullptr) {
    const std::string& key = park != nullptr ? park->workload : resume->workload;
    explain(key, 0, action.change, action.why, now);
    park_orders_.push_back({key, park != nullptr, park != nullptr && park->only_if_idle});
    return;
  }
  const policy::SessionId id = session_of(action.change);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;  // it left; the policy hears of that by itself
  Session& session = *found->second;
  const bool wake = take(session.orders(), action.change);
  if (std::holds_alternative<policy::AssignGate>(action.change)) {
    assign_gate(session, session.orders().gate);
  }
  session.publish(wake);
  book_turn(session, now);
  explain(session.workload(), id, action.change, action.why, now);
  const auto* turn = std::get_if<policy::SetTurn>(&action.change);
  if (turn != nullptr && turn->open) ++record(session.workload()).turns;
  if (session.lacks_gate()) {
    // Its descriptors do not let it close this gate: it gets others when it joins again.
    session.send_away(wire::kJoinAgain);
    sent_away_.push_back(id);
  }
}

void Sharing::assign_gate(Session& session, int gate) {
  for (size_t i = 0; i < wire::kMaxGates; ++i) {
    if (gates_.holder(i) == session.id() && static_cast<int>(i) != gate) gates_.assign(i, 0);
  }
  if (gate < 0 || gates_.holder(static_cast<size_t>(gate)) == session.id()) return;
  gates_.assign(static_cast<size_t>(gate), session.id());
}

// --- time ---------------------------------------------------------------------------------------

Instant Sharing::advance(Instant now) {
  if (now >= next_renewal_) {
    for (const auto& [id, session] : sessions_) session->renew_lease(now + kLease);
    next_renewal_ = now + kRenewal;
  }
  supervise_gates(now);
  const auto turn = sessions_.empty() ? std::nullopt : options_.decider.next_turn(state_);
  if (!sessions_.empty() && (now >= next_tick_ || (turn && now >= *turn))) tick(now);
  Instant due = next_renewal_;
  if (sessions_.empty()) return due;
  due = std::min(due, next_tick_);
  if (const auto next = options_.decider.next_turn(state_)) due = std::min(due, *next);
  if (const auto gate = gates_.next_due(max_burst_)) due = std::min(due, *gate);
  // A decider that always wants to be called at once must not keep the loop from its sockets.
  return std::max(due, now + std::chrono::microseconds(100));
}

void Sharing::supervise_gates(Instant now) {
  for (const Gates::Opened& opened : gates_.supervise(now, max_burst_)) {
    const auto holder = sessions_.find(opened.holder);
    const std::string name =
        holder != sessions_.end() ? holder->second->workload() : "a session that is gone";
    if (holder != sessions_.end()) record(name).gate_opened_late += opened.fresh;
    opened_late_[opened.gate] += opened.fresh;
    if (opened.again) continue;  // a burst that goes on closes it again with each launch
    note("gate-opened",
         fmt::format("gate of {} held for {:.0f} ms, opened", name, to_millis(opened.closed)), now);
  }
}

void Sharing::tick(Instant now) {
  policy::Tick tick;
  for (const auto& [id, session] : sessions_) {
    session->read_counters(now);
    policy::SessionReading& reading = tick.readings[id] = session->counters().take();
    reading.device_bytes = device_bytes(*session);
    if (measuring_) reading.workload_time = held_.counts(session->workload()).held;
    reading.parkable = !unparkable(*session).has_value();
  }
  account_estimates();
  log_shares(last_look_, now);
  look_at_gates(last_look_, now);
  last_look_ = now;
  // A reading from before a move would blame others for what was moved.
  const bool fresh = memory_use_.at > memory_seen_ && memory_use_.at > moved_;
  if (fresh) tick.device_used_bytes = memory_use_.used_bytes;
  memory_seen_ = memory_use_.at;
  run(tick, now);
  if (now >= next_tick_) next_tick_ = now + kTick;
  bring_adopted_back(now);
}

void Sharing::send_all_away() {
  for (const auto& [id, session] : sessions_) session->send_away(wire::kLeave);
  gates_.open_all();
}

bool Sharing::all_seen() const {
  return std::all_of(sessions_.begin(), sessions_.end(),
                     [](const auto& entry) { return entry.second->orders_seen(); });
}

void Sharing::note(std::string kind, std::string text, Instant now) {
  if (text.size() > kMaxEventText) text.resize(kMaxEventText);
  log::info("{}: {}", kind, text);
  events_.add({0, now.ns, std::move(kind), std::move(text)});
}

}  // namespace corun::daemon
