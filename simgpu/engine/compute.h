// The SMs, and which channel group has them.
//
// Blocks. A kernel's blocks are placed in cohorts: all blocks that start at nearly one moment form
// one cohort, which holds its part of the SMs until all its blocks end together. SM room is one
// pool, counted in whole parts (kSmParts to an SM, divisible by every number of blocks per SM), so
// that nothing is lost to rounding. Kernels are served in order of (client priority, stream
// priority, age); the first one that does not fit holds back those behind it, unless it is its
// context's own cap that holds it.
//
// Several contexts in one group (MPS). Blocks on one SM share its throughput, so those of a wave
// end nearly together even where some started late, but not all SMs at the same moment: a kernel
// that fills the device once retires its blocks in kSpreadCohorts steps over the last
// Profile::block_spread of its time, and a small kernel of another context gets room with the first
// of them. Blocks of such a kernel that start late hold back the others.
//
// When the blocks want more memory bandwidth than there is, each part of an SM gets what it wants
// up to a common share.
//
// Slices. One group is resident. Its life:
//
//   restore (nothing runs) -> run -> [others have work, and: its slice is over, or it has no work]
//   -> switch (nothing runs) -> the next group with work, in order of id, round robin
//
// The slice is counted only while another group waits: it begins when this group becomes resident
// if one waits then, else when the first other group gets work, at its full length.
//
// Callers: account(t) first, then changes at t, then settle(t).
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "simgpu/engine/ids.h"
#include "simgpu/engine/profile.h"
#include "simgpu/engine/telemetry.h"

namespace corun::simgpu {

inline constexpr Instant kNever{INT64_MAX};
/// The least common multiple of 1..32: every possible number of blocks on an SM divides it.
inline constexpr int64_t kSmParts = 144'403'552'893'600;

/// A context as the SMs see it.
struct Tenant {
  int client_priority = 0;
  int64_t cap_parts = 0;   ///< of SMs that its blocks may hold together
  int64_t held_parts = 0;  ///< of SMs that its placed blocks hold
  int cohorts = 0;
  bool running = false;  ///< its group is resident and runs
  Instant since;         ///< busy and sm_ns are counted up to here
  Nanos busy{0};         ///< time with a block on an SM
  double sm_ns = 0;      ///< integral of held_parts over time, in parts x ns / kSmParts
  Nanos busy_at_period{0};
  Nanos busy_in_period{0};

  void account(Instant t);
  Nanos busy_until(Instant t) const;
  double sm_ns_until(Instant t) const;
};

/// One launched kernel. It belongs to its stream, which keeps it in place until it is done.
struct Kernel {
  Tenant* tenant = nullptr;
  uint32_t stream = 0;
  std::tuple<int, int, uint64_t> order;  ///< client priority, stream priority, age
  int64_t block_parts = 0;
  uint64_t blocks_waiting = 0;
  uint32_t cohorts = 0;
  double block_ns = 0;
  double bytes_per_block = 0;
  bool illegal_address = false;
  bool fills_once = false;  ///< one wave that takes more than half of the room it may have
};

/// Blocks of one kernel that started together, or nearly so.
struct Cohort {
  Kernel* kernel = nullptr;
  int64_t parts = 0;
  double demand = 0;     ///< bytes/ns that it would move if bandwidth were not short
  double remaining = 0;  ///< ns to go at rate 1, at `since`
  double rate = 0;
  Instant since;
  Instant finish = kNever;

  double remaining_at(Instant t) const;
};

struct Group {
  GroupId id;
  Nanos slice{0};
  int holds = 0;    ///< streams about to launch their next kernel
  int kernels = 0;  ///< launched, not done
  int64_t held_parts = 0;
  std::vector<Kernel*> waiting;  ///< with blocks to place, in order
  std::vector<Cohort> cohorts;
  std::vector<Tenant*> tenants;
  Nanos time{0};  ///< resident with work, behind the restore

  bool has_work() const { return holds + kernels > 0; }
};

class Compute {
 public:
  Compute(const Profile& profile, Instant start);

  Group& add_group(GroupId id, Nanos slice);
  void remove_group(Group& group);
  void add_tenant(Group& group, Tenant& tenant, Instant t);
  /// Takes away the tenant and its kernels.
  void remove_tenant(Group& group, Tenant& tenant, Instant t);
  void cancel_kernels(Group& group, const Tenant& tenant, Instant t);

  /// While a group is held it counts as having work.
  void hold(Group& group) { change_work(group, 1, 0); }
  void release(Group& group) { change_work(group, -1, 0); }
  void launch(Group& group, Kernel& kernel);

  /// Takes the SMs from the group, if it is resident and has work.
  void preempt(const Group& group, Instant t);

  /// Whether switches are noted, for take_switches(). A group that is removed while the SMs have it
  /// leaves no note of its end.
  void note_switches(bool wanted);
  /// Appends the switches until `t`, in order, that were noted since the last call.
  void take_switches(Instant t, std::vector<GroupSwitch>& out);

  /// The next moment at which step() has something to do.
  Instant next() const;
  /// Before this the group's blocks do not run. `next_event` is when anything changes next; a group
  /// without work gets some at `work_at`.
  Instant earliest_run(const Group& group, Instant work_at, Instant next_event) const;
  /// Does what is due at `t` and appends kernels that are done.
  void step(Instant t, std::vector<Kernel*>& done);
  /// Places blocks and decides about slices, after all changes at `t`.
  void settle(Instant t);

  /// Counts the time up to `t` as spent in the present state.
  void account(Instant t);
  EngineTime time_until(Instant t) const;
  Nanos group_time_until(const Group& group, Instant t) const;

  /// The load between now and the next change.
  bool busy() const;
  double sm_share() const;
  double dram_bytes_per_ns() const { return running() ? dram_rate_ : 0; }

  uint64_t events() const { return events_; }
  int64_t all_parts() const { return all_parts_; }

 private:
  enum class Phase { kEmpty, kRestoring, kRunning, kSwitching };

  bool running() const { return phase_ == Phase::kRunning && resident_ != nullptr; }
  bool others_have_work() const;
  void change_work(Group& group, int holds, int kernels);
  void make_resident(Group* group, Instant t);
  void run_resident(Instant t);
  void suspend(Instant t);
  void begin_switch(Instant t);
  Group* next_group() const;
  void finish_cohorts(Instant t, std::vector<Kernel*>& done);
  void place_blocks(Group& group, Instant t);
  void start_blocks(Group& group, Kernel& kernel, uint64_t blocks, Instant t);
  void start_spread(Group& group, Kernel& kernel, int64_t parts, double demand, Instant t);
  Cohort* young_cohort(Group& group, const Kernel& kernel, Instant t);
  void set_rates(Group& group, Instant t);
  void share_bandwidth(Group& group);
  Nanos* clock_of_phase();
  void note(Instant t, GroupId group, bool begins);

  Nanos restore_;
  Nanos switch_;
  Nanos record_gap_;
  Nanos least_work_;
  double block_spread_;
  double bandwidth_;  // bytes/ns
  int64_t all_parts_;

  std::vector<std::unique_ptr<Group>> groups_;  // by id
  int groups_with_work_ = 0;
  Phase phase_ = Phase::kEmpty;
  Group* resident_ = nullptr;
  GroupId last_resident_;
  Instant phase_end_ = kNever;
  Instant slice_end_ = kNever;
  bool slice_over_ = false;
  Instant run_from_;  // when the resident group's restore is over
  Instant next_finish_ = kNever;
  bool rates_dirty_ = false;
  double dram_rate_ = 0;

  bool notes_switches_ = false;
  std::deque<GroupSwitch> switches_;  // in order, the last one of a moment to come perhaps

  Instant accounted_;
  EngineTime time_;
  uint64_t events_ = 0;
  // Scratch of share_bandwidth: (bytes/ns wanted for each part, parts), and the cohorts' rates.
  std::vector<std::pair<double, double>> by_want_;
  std::vector<double> rates_;
};

}  // namespace corun::simgpu
