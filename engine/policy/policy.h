// Who may use the GPU when: one pure function, decide(state, event, now) -> actions, without clock,
// input, output or threads. The daemon, the tests' simulation and later the advisor call the same
// function; a recorded list of events replayed through it gives the same decisions.
//
// A *workload* is what the user named; its *sessions* are its processes on this GPU. Shares belong
// to workloads, whatever number of processes and contexts they have.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/model/workload.h"
#include "core/result.h"

namespace corun::policy {

using SessionId = uint64_t;

enum class PolicyKind {
  kPriority,  ///< latency-critical first, the rest by weight
  kFair,      ///< weights, no class matters
  kQuota,     ///< weights between each workload's minimum and maximum share
  kDeadline,  ///< priority, and best-effort work leaks in while latency targets hold
  kRotate,    ///< whole-GPU turns, for memory that does not fit together
  kNone,      ///< nothing but memory limits: the driver shares by itself, corun watches
};

/// How the GPU can be shared here; the daemon measures it.
struct Backend {
  bool slices = true;    ///< time slices of channel groups act (never under MPS)
  bool gate = true;      ///< streams can wait for a word in host memory
  bool mps = false;      ///< all workloads are MPS clients
  bool parking = false;  ///< a workload's GPU state can be moved to host memory and back
};

/// What settings are bounded to.
inline constexpr Nanos kShortestQuantum = std::chrono::milliseconds(1);
inline constexpr Nanos kLongestQuantum = std::chrono::minutes(10);
inline constexpr Nanos kShortestWindow = std::chrono::milliseconds(10);
inline constexpr Nanos kLongestWindow = std::chrono::minutes(1);

struct Settings {
  PolicyKind kind = PolicyKind::kPriority;
  Backend backend;
  /// Length of all turns together when no latency-critical workload is there: long, since every
  /// switch of the GPU costs about 0.18 ms (measured, results/h200).
  Nanos quantum{};               // default 40 ms, set in policy.cc's default_settings()
  Nanos quota_window{};          // default 100 ms: shares hold over a few of these
  uint32_t wait_every_us = 100;  ///< wait for gates once per this much estimated work
  bool gate_with_slices = true;  ///< close gates although slices already order the classes
  /// Slice of the one session that works beside latency-critical ones: so short that it is
  /// preempted in the middle of a kernel. A session of short kernels keeps the default slice
  /// instead: it runs into the gate and stays there, where a preempted kernel comes back in each
  /// gap between queued requests.
  uint32_t preempted_slice_us = 1;
  /// How long latency-critical sessions keep the GPU after a burst: at most, where they learn it.
  uint32_t linger_us = 200;
  /// They learn from their own gaps how much of linger_us pays; else it is always all of it.
  bool learn_linger = true;
  /// They keep the GPU busy until they let it go, where slices act.
  bool hold = true;
  uint64_t memory_bytes = 0;           ///< of the GPU; 0: not known, then nothing is parked
  uint64_t memory_capacity_bytes = 0;  ///< that workloads may use of it; 0: all
  uint64_t memory_reserve_bytes = 512ULL << 20;  ///< less than this free is memory pressure
  Nanos park_idle = std::chrono::seconds(60);    ///< so long idle, it may be parked; 0: never
  /// How long an allocation waits for memory that parking makes free, at most; 0: not at all.
  Nanos memory_wait = std::chrono::seconds(30);
  /// Under rotate nobody stays in host memory for longer, where turns can be that short; 0: turns
  /// are as long as keeps moving a small part of the time.
  Nanos longest_away = std::chrono::minutes(2);
};

struct Workload {
  std::string name;
  uint32_t user = 0;  ///< uid; a name belongs to a user
  ServiceClass service_class = ServiceClass::kNormal;
  double weight = 1.0;     ///< 0.001..1000
  double min_share = 0.0;  ///< of GPU time, 0..1, kept by quota while the workload has work
  double max_share = 1.0;  ///< hard cap under every policy but rotate; latency-critical ones under
                           ///< priority and deadline have none
  std::optional<uint64_t> memory_limit_bytes;  ///< of all its sessions together
  std::optional<Nanos> latency_target;         ///< p99 of a burst
};

/// What the daemon read from a session's page in the last tick.
struct SessionReading {
  uint64_t launches = 0;  ///< since it joined, graphs included
  Nanos gpu_time{};       ///< estimated, since it joined
  /// For how long its whole workload has held the GPU; 0: not measured at present.
  Nanos workload_time{};
  /// It has work that is not finished, held back or not; nothing: not known. Counts while it waits
  /// for its turns, since libcorun.so follows its work from then on.
  std::optional<bool> queued{};
  /// Some of that work may need more than engines for copies. Known where `queued` is.
  bool computes = true;
  uint64_t memory_bytes = 0;
  uint32_t channel_groups = 0;     ///< of all engines, copy engines included
  uint32_t longest_kernel_us = 0;  ///< estimated; 0: unknown
  uint32_t contexts = 0;           ///< each has one compute channel group; 0 counts as 1
  bool capturing = false;
  bool cannot_hold = false;       ///< libcorun.so found no way to keep the GPU busy
  std::vector<Nanos> new_bursts;  ///< burst durations since the last tick
  uint64_t calls = 0;             ///< GPU calls of any kind since it joined
  bool waiting = false;           ///< a thread of it waits for the GPU
  uint64_t held_calls = 0;        ///< calls that came while it was parked, since it joined
  uint64_t device_bytes = 0;      ///< of the GPU, as the driver counts them; 0: not known
  uint64_t wanted_bytes = 0;      ///< an allocation waits for so much memory; 0: none does
  uint32_t memory_ask = 0;        ///< the number of that allocation
  bool parkable = true;           ///< nothing about the process speaks against parking it
};

/// Where the GPU state of a workload is.
enum class ParkState {
  kRunning,   ///< on the GPU
  kParking,   ///< on its way to host memory
  kParked,    ///< in host memory: its calls wait
  kResuming,  ///< on its way back
};

// --- events ---
struct Joined {
  SessionId session = 0;
  Workload workload;  ///< as asked; a later session of the same name joins the existing workload
};
struct Left {
  SessionId session = 0;
  std::string why;
};
struct Tick {
  std::map<SessionId, SessionReading> readings;
  /// Memory of the GPU that is in use, whoever has it, as read just now; 0: not read.
  uint64_t device_used_bytes = 0;
};
/// An operator's change: class, weight, shares, limit or target of a named workload.
struct Changed {
  Workload workload;
};
struct SettingsChanged {
  Settings settings;
};
/// A move of a workload's GPU state began or ended.
struct ParkChanged {
  std::string workload;  ///< key
  ParkState state = ParkState::kRunning;
  bool ok = true;             ///< false: it was to be parked, or resumed, and is not
  bool busy = false;          ///< not parked since it used the GPU meanwhile: no failure
  bool until_resume = false;  ///< parked by an operator, who brings it back himself
  bool adopted = false;       ///< parked by a daemon that is gone
  uint64_t bytes = 0;         ///< moved
  Nanos took{};
};
/// An operator wants the workload back on the GPU.
struct ResumeAsked {
  std::string workload;  ///< key
};
using Event = std::variant<Joined, Left, Tick, Changed, SettingsChanged, ParkChanged, ResumeAsked>;

// --- actions ---
struct SetSlice {
  SessionId session = 0;
  uint32_t slice_us = 0;  ///< of each of its channel groups
};
/// Which gates the session waits for and whether for its own turn (wire::HotOrders::armed).
struct SetArmed {
  SessionId session = 0;
  uint32_t armed = 0;
  uint32_t wait_every_us = 0;
};
/// How a latency-critical session keeps the GPU: wire::HotOrders.
struct AssignGate {
  SessionId session = 0;
  int gate = -1;  ///< -1: none
  uint32_t linger_us = 0;
  uint32_t regain_us = 0;
  bool hold = false;
};
struct SetClosePermille {
  SessionId session = 0;
  uint32_t permille = 1000;
};
struct SetTurn {
  SessionId session = 0;
  bool open = true;
};
struct SetMemoryLimit {
  SessionId session = 0;
  uint64_t bytes = 0;  ///< 0: none
};
/// What the session may hold now, since the GPU has no more to give (wire::Orders).
struct SetMemoryRoom {
  SessionId session = 0;
  uint64_t bytes = 0;  ///< 0: no such bound
};
/// How long its allocations wait for memory.
struct SetMemoryWait {
  SessionId session = 0;
  std::optional<Nanos> most;  ///< nothing: until they are answered; 0: not at all
};
/// The answer to an allocation that waits for memory.
struct AnswerMemory {
  SessionId session = 0;
  uint32_t ask = 0;       ///< SessionReading::memory_ask
  bool try_again = true;  ///< false: there is none for it
};
/// Moves a workload's GPU state to host memory.
struct Park {
  std::string workload;       ///< key
  bool only_if_idle = false;  ///< not if it uses the GPU before it is parked
};
struct Resume {
  std::string workload;  ///< key
};
using Change =
    std::variant<SetSlice, SetArmed, AssignGate, SetClosePermille, SetTurn, SetMemoryLimit,
                 SetMemoryRoom, SetMemoryWait, AnswerMemory, Park, Resume>;

/// A change and the reason for it, in one sentence with the figures that led to it.
struct Action {
  Change change;
  std::string why;
};

struct SessionState {
  SessionId id = 0;
  std::string workload;  ///< key into State::workloads
  SessionReading last;
  Instant last_active{};  ///< last tick in which launches or GPU time rose; the join at first
  /// It showed work since its last turn began; where its queue is known: it has some. Held back, it
  /// counts as active for that.
  bool wants = true;
  bool yielded = false;  ///< its last turn passed on, since it had no work
  Instant last_empty{};  ///< last tick in which its queue was known to be empty
  /// For how long it has worked, while no turn word held it back, with copies alone.
  Nanos copying{};
  Instant turn_ended{};   ///< since when it is held back
  uint32_t slice_us = 0;  ///< as ordered; 0: nothing ordered yet
  uint32_t armed = 0;
  uint32_t wait_every_us = 0;
  int gate = -1;
  uint32_t linger_us = 0;
  uint32_t regain_us = 0;
  bool hold = false;
  bool gate_refused = false;  ///< it was told that all gates are taken
  uint32_t close_permille = 1000;
  bool turn_open = true;
  uint64_t memory_limit_bytes = 0;
  uint64_t memory_room_bytes = 0;
  std::optional<Nanos> memory_wait = Nanos(0);  ///< as ordered
  uint32_t memory_answered = 0;                 ///< ask that was answered last
  Instant wanted_since{};                       ///< of the ask that is not answered yet
  uint64_t promised_bytes = 0;                  ///< it may try again for so much
  Instant last_call{};            ///< last tick in which calls of any kind rose; the join at first
  uint64_t held_when_parked = 0;  ///< held_calls when its parking began
  /// Ticks since shares were last judged, those in which it showed work, and those in which a
  /// thread waited for the GPU.
  uint32_t looks = 0;
  uint32_t looks_working = 0;
  uint32_t looks_waiting = 0;
};

/// How fast the GPU state of a workload moves, bytes per second; 0: not measured yet.
struct MoveSpeed {
  double park = 0;
  double resume = 0;
};

/// Where a workload's GPU state is, and what is known about moving it.
struct Residency {
  ParkState state = ParkState::kRunning;
  Instant since{};            ///< of the state
  bool until_resume = false;  ///< only an operator brings it back
  bool asks = false;          ///< something waits for it to come back
  Instant asked{};
  uint64_t parked_bytes = 0;  ///< that have to come back
  /// Parked by a daemon that is gone, whose rescue may have brought it back meanwhile: then its
  /// memory is on the GPU, and looks like that of processes outside of corun.
  bool adopted = false;
  int failures = 0;  ///< in a row
  Instant retry{};   ///< nothing is tried before
  MoveSpeed speed;
};

/// What the turns of a workload have been so far.
struct TurnAccount {
  double budget_ms = 0;        ///< left of its max_share in this quota window
  SessionId last_session = 0;  ///< whose turn it was last, where sessions take turns singly
};

/// How slices of a workload differ from its share, so that it gets the share.
struct Correction {
  double share = 0;   ///< that it was to get
  double meant = 0;   ///< of all GPU time since the last judgement: its share, and what is owed
  double factor = 1;  ///< its slices, over what is meant: how much of slices it gives up
  Nanos time{};       ///< GPU time it had when this was last judged
  double owed_s = 0;  ///< GPU time that it was to get, and did not, since the shares are these
  int starved = 0;    ///< judgements in a row in which it waited, and got less than its slices were
};

/// Bursts of a latency-critical workload since its leak was last judged.
struct LatencyWindow {
  std::vector<Nanos> bursts;
  Instant since{};
  Instant last_miss{};  ///< when its target was last missed
  bool missed = false;  ///< ever
};

struct State {
  Settings settings;
  std::map<std::string, Workload> workloads;  ///< key: "<uid>/<name>"
  std::map<SessionId, SessionState> sessions;
  std::map<std::string, double> leak;            ///< deadline: 0..1 per latency-critical workload
  std::map<std::string, LatencyWindow> latency;  ///< deadline, per latency-critical workload
  /// Turns by the clock: whose turn it is and until when. Empty: nobody's (shares are used up), or
  /// `turns` is false and nobody is held back.
  std::string turn_of;
  Instant turn_until{};
  std::map<std::string, double> deficit_ms;  ///< turns owed, for weights over several turns
  bool turns = false;                        ///< turn words are in use
  bool contested = false;                    ///< somebody waits for the present turn to end
  SessionId turn_session = 0;                ///< whose turn it is alone; 0: all sessions of turn_of
  Instant turn_since{};
  Instant turn_charged{};  ///< turns are paid up to here
  Instant window_until{};  ///< end of the quota window
  std::map<std::string, TurnAccount> turn_accounts;
  Instant last_tick{};
  std::map<std::string, Correction> corrections;  ///< of those that contend for slices
  bool slices_fail = false;                       ///< no slices give these contenders their shares
  std::map<std::string, Residency> residency;     ///< of every workload
  MoveSpeed speed;                                ///< measured last, of whatever workload
  /// Memory of the GPU that no session holds: the lower of the last two readings, since one of them
  /// may be of a moment at which a session allocated or freed.
  uint64_t foreign_bytes = 0;
  uint64_t foreign_seen = 0;
  uint64_t device_used_bytes = 0;  ///< reading that was not looked at yet; 0: none
  Instant freed{};                 ///< when memory of a workload came free last
};

/// Key into State::workloads: "<uid>/<name>".
std::string workload_key(const Workload& workload);

/// Settings and workloads that cannot be kept are refused in one line: minimum shares that sum up
/// to more than 1, shares and weights out of range, a policy that the backend cannot carry out.
/// decide() itself copes with anything: it bounds what it reads.
Status validate(const Settings& settings, const std::map<std::string, Workload>& workloads);

Settings default_settings();
std::string_view to_string(PolicyKind kind);
Result<PolicyKind> parse_policy_kind(std::string_view text);

/// Updates `state` and returns what has to be done for it, in order; deterministic. Orders that are
/// in force already are not repeated. `now` never goes back.
std::vector<Action> decide(State& state, const Event& event, Instant now);

/// When decide() wants to be called with a Tick even if nothing happens, or nothing.
std::optional<Instant> next_turn(const State& state);

std::string_view to_string(ParkState state);  // "running", "parking", "parked", "resuming"

}  // namespace corun::policy
