// Whose GPU state is on the GPU. Where the memory of all workloads does not fit together, some of
// it waits in host memory: that of workloads that are idle, and, for those that want theirs back,
// that of others in turn. Moving costs seconds, so that nobody who works is moved before he has
// worked for several times as long as moving takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/policy/view.h"

namespace corun::policy {

/// Counted for each context beside what a session allocates, where the driver tells nothing: code,
/// local memory, tables (520 MiB measured on an H100).
inline constexpr uint64_t kContextBytes = 528ULL << 20;
/// Until something was moved here: 10.8 GB took 7.2 s out and 2.3 s back on an H100 (measured).
inline constexpr MoveSpeed kUsualSpeed{1.5e9, 4.7e9};
inline constexpr Nanos kMoveFixed = std::chrono::milliseconds(300);
/// From the end of a turn to the begin of a move, and from its end to work, at most.
inline constexpr Nanos kMoveDelay = std::chrono::seconds(1);
/// Of the time that workloads work, moving takes this part more at most.
inline constexpr double kMostLost = 0.25;
/// Nobody is moved before he was on the GPU for this long.
inline constexpr Nanos kLeastStay = std::chrono::seconds(10);
/// Moving less frees too little.
inline constexpr uint64_t kLeastParked = 64ULL << 20;
/// What a session tells of its memory beyond this is not believed.
inline constexpr uint64_t kMostBytes = 1ULL << 50;

/// The memory of one workload, beside View::workloads.
struct Holding {
  Residency* place = nullptr;
  uint64_t bytes = 0;     ///< on the GPU, or that have to come back to it
  uint64_t wanted = 0;    ///< more, that an allocation waits for
  Nanos idle{};           ///< since its last call
  bool parkable = false;  ///< nothing about its processes speaks against it
  bool critical = false;  ///< latency-critical: never parked, under whatever policy
};

struct Memory {
  bool known = false;  ///< the GPU's memory is known, and states can be moved
  std::vector<Holding> holdings;
  uint64_t capacity = 0;
  uint64_t held = 0;     ///< by workloads that are not parked, and by others
  uint64_t leaving = 0;  ///< of it, on its way to host memory
  bool all_fit = true;   ///< everything, parked or not, at the same time

  uint64_t free() const { return held < capacity ? capacity - held : 0; }
};

struct Plan;

/// Everything about memory but the orders; fills Plan::memory.
void look_at_memory(const View& view, State& state, Instant now, Plan& plan);
/// Whether the workload could be on the GPU, with all it wants, if everybody who can be moved were.
bool could_be_on_gpu(const Memory& memory, size_t workload, Instant now);
/// Whether it is, with all it wants.
bool is_on_gpu(const Holding& holding);
/// Whether it can be parked now, whatever it does.
bool movable(const Holding& holding, Instant now);
/// Whether an allocation of it waits, and for how much free memory; 0: none does.
bool wants_memory(const SessionState& session);
uint64_t wanted_by(const SessionState& session);
/// Time to move it out and back, from the speeds measured so far.
Nanos moving_time(const State& state, const Holding& holding);

/// Who is to be parked and resumed, and what allocations that wait are told. After the policy:
/// whose turn it is comes first.
void plan_residency(const View& view, State& state, Instant now, Plan& plan);

/// A move begins, or ended: takes it into the state.
void begin_parking(State& state, const std::string& workload, Instant now);
void apply_parking(State& state, const ParkChanged& event, Instant now);
/// A session's calls wait for its workload to come back.
void note_held_calls(State& state, SessionState& session, const SessionReading& reading,
                     Instant now);

}  // namespace corun::policy
