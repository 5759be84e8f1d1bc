// The daemon without its sockets: sessions and their orders, leases, gates, decisions and their
// reasons, accounting. Time is an argument; the outside world is the shared pages only. One thread.
//
//   join ──► decide(Joined) ──► orders in the session's page ──► descriptors for the reply
//   tick (100 ms, or when the policy wants it) ──► counters ──► decide(Tick) ──► orders
//   renew (250 ms) ──► leases of 1 s: a daemon that stops leaves nobody waiting
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "engine/client/client.h"
#include "engine/client/status.h"
#include "engine/daemon/gates.h"
#include "engine/daemon/gpu_time.h"
#include "engine/daemon/ring.h"
#include "engine/daemon/session.h"
#include "engine/policy/policy.h"

namespace corun::daemon {

inline constexpr Nanos kTick = std::chrono::milliseconds(100);
inline constexpr Nanos kRenewal = std::chrono::milliseconds(250);
inline constexpr Nanos kLease = std::chrono::seconds(1);
inline constexpr size_t kMaxSessionsPerUser = 256;

/// The functions that decide; policy::decide and policy::next_turn in the product.
struct Decider {
  std::function<std::vector<policy::Action>(policy::State&, const policy::Event&, Instant)> decide;
  std::function<std::optional<Instant>(const policy::State&)> next_turn;
};

/// What an operator has changed of a workload, which outlives its sessions and the daemon.
struct Override {
  std::optional<ServiceClass> service_class{};
  std::optional<double> weight{};
  std::optional<double> min_share{};
  std::optional<double> max_share{};
  std::optional<uint64_t> memory_limit_bytes{};  ///< 0: none
  std::optional<double> latency_target_us{};     ///< 0: none
  bool operator==(const Override&) const = default;
};
/// What a workload asks for, as the operator has changed it.
policy::Workload effective(const Override& by, policy::Workload asked);

/// What lives in the state file.
struct Persistent {
  policy::Settings settings;
  Nanos max_burst = std::chrono::milliseconds(100);
  std::map<std::string, Override> workloads;  ///< key: "<uid>/<name>"
};

struct SharingOptions {
  client::GpuStatus gpu;
  Persistent persistent;
  Decider decider;
  client::SlicesState slices = client::SlicesState::kUnproven;
  std::string slices_why;
  bool use_slices = false;         ///< set them, whatever is proven (never under MPS)
  bool switches = false;           ///< context switches are read (take_switches() is called)
  std::string switches_why;        ///< why not
  bool switches_name_all = false;  ///< processes of all users have their names in them
  /// Processes that share device memory with others can be parked (drivers from 610 on).
  bool parks_shared_memory = false;
};

using policy::ParkState;

/// A move that the policy orders.
struct ParkOrder {
  std::string workload;  ///< key
  bool park = true;      ///< false: resume
  bool only_if_idle = false;
};

/// What has to come back to the GPU with one process of a workload.
struct ParkedProcess {
  pid_t pid = 0;
  uint64_t bytes = 0;
};

/// What the driver tells about the GPU's memory.
struct MemoryUse {
  Instant at{};                      ///< of the reading
  uint64_t used_bytes = 0;           ///< of the whole GPU; 0: not known
  std::map<int, uint64_t> by_pid{};  ///< where it tells
};

/// What parking a workload has cost so far.
struct ParkAccount {
  uint64_t parks = 0;
  uint64_t resumes = 0;
  uint64_t moved_bytes = 0;  ///< both ways
  Nanos parked{};            ///< without the present time
  Instant since{};           ///< of the present time in host memory
};

/// What is kept of a workload beside the policy's view of it.
struct WorkloadRecord {
  Totals ended;  ///< of sessions that are gone
  uint64_t ended_peak_bytes = 0;
  uint64_t turns = 0;
  Nanos gpu_time{};           ///< from the best source that there was
  Nanos estimated_seen{};     ///< of its sessions' estimates, what accounting has taken in
  Nanos estimated_settled{};  ///< what was so at the end of the last second
  Nanos estimated_logged{};   ///< what is in the log of slices
  Nanos gate_opened_late{};   ///< how long its gate was closed until the daemon opened it
  Nanos waited{};             ///< of sessions that are gone
  std::map<size_t, client::Reason> reasons;  ///< by kind of change
  ParkState parking = ParkState::kRunning;
  ParkAccount account;
  uint64_t left_at = 0;  ///< leaves_ at its last session's end; 0: it has sessions
};

class Sharing {
 public:
  /// `gates` must outlive it.
  Sharing(SharingOptions options, GatePages& gates, Instant now);

  // --- sessions ---
  struct Welcome {
    policy::SessionId session = 0;
    std::vector<Fd> descriptors;  ///< for the reply, in order
  };
  /// Whether this user may have one more session.
  bool has_room(uid_t user) const;
  /// `trusted`: the user is the daemon's own. Errors (failed): no memory or descriptors.
  Result<Welcome> join(const Peer& peer, const JoinAsk& ask, bool trusted, Instant now);
  /// The session ended, for this reason. Unknown ids are ignored.
  void leave(policy::SessionId session, const std::string& why, Instant now);
  /// Sessions that were told to leave and join again since the last call: their page's rights do
  /// not fit their orders any more. Their connections are to be closed.
  std::vector<policy::SessionId> take_sent_away();
  size_t sessions() const { return sessions_.size(); }

  // --- time ---
  /// What is due at `now`: leases, counters, gates, turns. Returns when it wants to be called next
  /// at the latest.
  Instant advance(Instant now);
  /// A session has news in its page: the counters are due.
  void look_now() { next_tick_ = Instant{}; }
  /// Everybody gets the default back and is told to leave; the gates are open.
  void send_all_away();
  /// Whether every session has carried out its last orders.
  bool all_seen() const;

  // --- operators ---
  /// Errors (usage): values out of range, or a workload that nobody knows.
  Status set(const std::string& key, const client::WorkloadChange& change, Instant now);
  Status change_settings(const client::SettingsChange& change, Instant now);
  client::DaemonSettings settings() const;
  void set_slices(client::SlicesState state, std::string why, bool use, Instant now);
  client::DaemonStatus status(Instant now);
  /// Errors (usage): a workload that nobody knows. "" means all.
  Result<client::Trace> trace(const std::string& key, uint64_t since) const;
  client::Events events(uint64_t since) const;
  void note(std::string kind, std::string text, Instant now);
  /// What has to be in the state file now.
  Persistent persistent() const;

  // --- parking (sharing_parking.cc) ---
  /// Sessions of a workload; empty: it has none.
  std::vector<const Session*> sessions_of(const std::string& key) const;
  ParkState parking(const std::string& key) const;
  /// Workloads that are not on the GPU, or on their way.
  std::vector<std::string> away() const;
  /// What has to come back to the GPU with it.
  uint64_t parked_bytes(const std::string& key) const;
  /// The same by process: what it told itself, and an equal part of what nobody told.
  std::vector<ParkedProcess> parked_processes(const std::string& key) const;
  /// Moves that the policy ordered since the last call.
  std::vector<ParkOrder> take_park_orders();
  /// A move began or ended: tells the policy, holds the workload's calls or lets them go on (its
  /// streams wait for nothing meanwhile, and its gate is open). `why`: where the policy did not ask
  /// for it.
  void park_changed(const policy::ParkChanged& event, const std::string& why, Instant now);
  /// An operator wants it back: the policy orders it, now or as soon as there is room.
  void ask_back(const std::string& key, Instant now);
  /// Reasons against parking one of its processes, or nothing.
  std::optional<std::string> unparkable(const std::string& key) const;
  void set_memory_use(MemoryUse use) { memory_use_ = std::move(use); }

  // --- accounting (sharing_accounting.cc) ---
  /// What the driver recorded of context switches, in order.
  void take_switches(const std::vector<gpu::SwitchBatch>& batches);
  /// There will be no more of it.
  void lose_switches(const std::string& why, Instant now);
  /// A process of a workload that holds the GPU, as far as is known; it may be gone meanwhile.
  std::optional<int> gpu_holder() const { return held_.holder(); }
  void gpu_holder_gone(Instant now);
  /// Ends a second of accounting: NVML's utilisation of processes by PID, and of the GPU (0..1).
  void set_utilization(std::map<int, double> by_pid, std::optional<double> of_gpu, Instant now);
  /// Who had the GPU when. Errors (usage): a workload that nobody knows. "" means all.
  Result<client::Slices> slices(const std::string& key, uint64_t since) const;

 private:
  void run(const policy::Event& event, Instant now);
  void apply(const policy::Action& action, Instant now);
  void assign_gate(Session& session, int gate);
  void supervise_gates(Instant now);
  void tick(Instant now);
  std::optional<std::string> unparkable(const Session& session) const;
  void adopt(const std::string& key, Instant now);
  void bring_adopted_back(Instant now);
  uint64_t device_bytes(const Session& session) const;
  void explain(const std::string& key, policy::SessionId session, const policy::Change& change,
               const std::string& why, Instant now);
  WorkloadRecord& record(const std::string& key);
  void forget_old_records();
  client::WorkloadStatus workload_status(const std::string& key, const WorkloadRecord& record,
                                         Instant now) const;
  std::vector<client::Figure> figures(const std::string& key, const WorkloadRecord& record,
                                      Instant now) const;
  std::vector<client::GateStatus> gate_statuses(Instant now) const;
  // --- accounting ---
  bool switches_usable() const;
  std::string gpu_time_why() const;
  std::vector<client::Figure> gpu_figures() const;
  std::optional<double> accounting_error() const;
  void account_estimates();
  void settle(std::optional<double> utilization, Instant now);
  void settle_held(std::optional<double> utilization);
  void check_conservation(Instant now);
  void log_runs(const std::vector<HeldRun>& runs);
  void log_slice(const Session& session, const char* what, Instant begin, Instant end, Nanos held,
                 client::Label label);
  void log_shares(Instant begin, Instant now);
  void look_at_gates(Instant begin, Instant now);
  void book_turn(Session& session, Instant now);

  SharingOptions options_;
  GatePages* pages_;
  Gates gates_;
  Instant started_;
  policy::State state_;
  std::map<policy::SessionId, std::unique_ptr<Session>> sessions_;
  std::map<std::string, WorkloadRecord> records_;
  std::map<std::string, Override> overrides_;
  Nanos max_burst_;
  policy::SessionId next_session_ = 1;
  std::vector<policy::SessionId> sent_away_;
  Ring<client::TraceEntry> trace_{4096};
  Ring<client::DaemonEvent> events_{1024};
  Ring<client::SliceEntry> slices_{32768};
  std::map<int, double> utilization_;
  HeldTime held_;
  bool measuring_ = false;  ///< this second's GPU times come from held_
  TimeSums sums_;
  TimeSums settled_;  ///< as the last second ended
  Conservation conservation_;
  bool unconserved_ = false;
  bool idle_measured_ = false;
  Instant settled_at_;
  Instant switches_read_;     ///< when the last reading of context switches was made
  Instant switches_settled_;  ///< the one that the last settled second ended with
  Instant last_look_;         ///< at gates, for waits
  std::array<Nanos, wire::kMaxGates> opened_late_{};  ///< since the last look
  MemoryUse memory_use_;
  Instant memory_seen_{};  ///< reading that the policy has had
  Instant moved_{};        ///< when a move began or ended last
  std::vector<ParkOrder> park_orders_;
  std::map<std::string, Instant> adopted_;  ///< parked by a former daemon, and since when here
  Instant next_tick_;
  Instant next_renewal_;
  uint64_t leaves_ = 0;
};

/// Without the last digit's error: it is read by people.
inline double exact_seconds(Nanos time) { return static_cast<double>(time.count()) / 1e9; }

/// "slice 6000 us", for people.
std::string change_text(const policy::Change& change);

}  // namespace corun::daemon
