// One node in simulated time: tenants with the shim's state machine, the daemon that calls
// decide(), the watchdog, and the faults that a seed draws. Everything random comes from the seed.
//
// A run has two parts: in the first anything may fail, and only the invariants have to hold; then
// the faults end, the daemon is there, and after some time to settle the work of every tenant is
// measured.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "engine/policy/policy.h"
#include "tests/sim/gpu.h"

namespace corun::sim {

/// The daemon's promises that this model uses (docs/adr/0005-gate-protocol.md has the real ones).
inline constexpr int64_t kLease = 500 * kMs;
inline constexpr int64_t kMaxBurst = 200 * kMs;

enum class Lie { kNone, kFrozen, kGarbage };

struct Tenant {
  policy::SessionId id = 0;
  policy::Workload workload;
  bool critical = false;  ///< latency-critical, and the policy heeds it
  double rate = 0;        ///< bursts per second; 0: always has work
  int64_t burst = 0;      ///< work of a burst
  Lie lie = Lie::kNone;

  bool alive = true;
  int64_t died = 0;
  int64_t stopped_until = 0;  ///< SIGSTOP: no new work, no shim
  int64_t arrival = kEndless;
  int64_t burst_began = 0;
  int64_t pending = 0;
  int64_t counted = 0;  ///< bursts so far
  std::vector<Nanos> new_bursts;
  int64_t longest_start =
      0;  ///< from an arrival on an idle tenant to its first work, measured part

  // The session's page, and what the shim makes of it.
  int64_t lease_until = 0;
  uint32_t armed = 0;
  bool turn_open = true;
  int gate = -1;
  uint32_t permille = 1000;
  int64_t linger = 0;
  int64_t slice_due = kEndless;
  uint32_t slice_us = 0;
  bool blocked = false;
  int64_t drain = 0;  ///< work that is past its last wait already

  // Memory, where the world has too little of it (memory.cc).
  uint64_t bytes = 0;   ///< that it holds, on the GPU or in host memory
  uint64_t wanted = 0;  ///< an allocation that waits
  uint32_t ask = 0;     ///< its number
  uint64_t held_calls = 0;
  bool on_gpu = true;
  int64_t call_held_since = kEndless;  ///< one of its calls waits for it to come back
  int64_t move_ends = kEndless;
  bool moves_out = false;
  bool move_fails = false;
  int64_t adopted = kEndless;  ///< a new daemon found it parked
};

struct Gate {
  bool closed = false;
  int64_t since = 0;
  policy::SessionId holder = 0;
  int64_t open_at = kEndless;  ///< end of the linger
};

/// Parts of the node that a test may leave out to see that it is missed.
struct Parts {
  bool watchdog = true;
  bool stuck_gates_open = true;  ///< by the daemon, when a shim does not any more
  bool rescue = true;            ///< of what a dead daemon left parked
};

struct Outcome {
  std::string broken;  ///< the first thing that went wrong, or nothing
  uint64_t hash = 0;   ///< of all actions and of the work done
  uint64_t decisions = 0;
};

class World {
 public:
  explicit World(uint64_t seed, Parts parts = {});
  Outcome run();
  /// What the seed drew, in one line.
  std::string describe() const;

 private:
  // What the seed draws.
  void draw_tenants();
  void draw_faults();
  int64_t between(int64_t low, int64_t high);
  bool one_in(int n) { return between(1, n) == 1; }

  // The daemon.
  void decide(const policy::Event& event);
  void carry_out(const policy::Action& action);
  void tick();
  void start_daemon();
  policy::SessionReading reading(Tenant& tenant);

  // Shims, watchdog, GPU.
  Tenant* find(policy::SessionId id);
  void arrive(Tenant& tenant);
  void drained(Tenant& tenant);
  void open(Gate& gate);
  void lease_events();
  void gate_events();
  void tenant_events();
  void fault_events();
  void refresh_work();
  int64_t next_event() const;

  // Memory (memory.cc).
  void draw_memory();
  uint64_t memory_on_gpu() const;
  void allocate(Tenant& tenant, uint64_t bytes);
  void join_with_memory(Tenant& tenant);
  void answer(const policy::AnswerMemory& answer);
  void move(const std::string& workload, bool out);
  void end_move(Tenant& tenant);
  void tell_move(const Tenant& tenant);
  void memory_events();
  void rescue_events();
  int64_t next_memory_event() const;
  void check_memory();
  void check_progress();

  // Checks.
  void check(bool holds, const std::string& what);
  void check_gates();
  void begin_measuring();
  void check_work();
  void check_weights(double others_ns);
  double expected_share(const Tenant& tenant, bool with_bursts) const;

  std::mt19937_64 random_;
  Parts parts_;
  Outcome outcome_;
  int64_t now_ = kSecond;
  int64_t faults_end_ = 0;
  int64_t measure_from_ = 0;
  int64_t end_ = 0;
  bool measuring_ = false;

  policy::State state_;
  policy::Settings settings_;
  bool daemon_up_ = true;
  int64_t daemon_dies_ = kEndless;
  int64_t daemon_starts_ = kEndless;
  int64_t tick_at_ = 0;
  std::vector<Tenant> tenants_;
  std::vector<Group> groups_;
  std::vector<int64_t> done_before_;
  std::vector<Gate> gates_;
  Gpu gpu_;
  int64_t kill_at_ = kEndless;
  size_t victim_ = 0;
  int64_t stop_at_ = kEndless;
  int64_t notice_at_ = kEndless;
  bool tight_ = false;  ///< memory does not suffice for all
  bool tells_ = false;  ///< shims tell whether there is work in their queues
  int64_t moves_fail_until_ = 0;
  int64_t daemon_died_ = kEndless;
};

}  // namespace corun::sim
