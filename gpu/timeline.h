// From the driver's records of context switches to an account without gaps of whose context was on
// the GPU. Pure: records and times come as arguments.
//
//   START p      END p  START q                 END q        START p
//     |--- run p ---|sw|-------- run q ----------|  nobody     |-- run p ...
//
// A context stays on the GPU when its work is done, until another one's is to run: a run says who
// held the GPU, not that it was busy. Between two runs lies a switch (0.085 ms on an H200,
// results/h200/engine-probes), or nobody's time if it takes longer than any switch. Where records
// were lost, or do not fit one another, the time is unknown: it is never guessed.
//
// The GPU's clock and ours run apart. A record cannot be read before it was written, so the
// smallest delay that was seen bounds how far ours is ahead of the GPU's; by it an unfinished run
// is counted up to a moment that the GPU has surely passed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/abi/rm.h"
#include "core/clock.h"

namespace corun::gpu {

/// No switch of contexts takes longer.
inline constexpr Nanos kLongestSwitch = std::chrono::milliseconds(1);
/// How long the smallest delay is believed: clocks drift.
inline constexpr Nanos kDelayMemory = std::chrono::seconds(60);
/// By how much a record may be later than our clock allows; and one part in this many of the time
/// since the last one, as clocks drift.
inline constexpr Nanos kClockSlack = std::chrono::seconds(1);
inline constexpr int64_t kDriftPart = 1000;
/// After so many records in a row that cannot be, the GPU's clock must have jumped.
inline constexpr int kMisfitsOfAJump = 64;

/// What was read at one moment.
struct SwitchBatch {
  std::vector<rm::SwitchEvent> records;  ///< in order
  uint64_t lost = 0;                     ///< dropped behind them
  Instant read_at;                       ///< every switch before it is in, or lost
};

/// A stretch of the GPU's time.
struct Piece {
  enum class Kind { kRun, kSwitch, kNobody, kUnknown };
  Kind kind = Kind::kUnknown;
  uint32_t pid = 0;      ///< kRun: 0 is a process of another user, untold
  int64_t begin_ns = 0;  ///< the GPU's clock
  int64_t end_ns = 0;    ///< above begin_ns
  bool ends = false;     ///< kRun: the run ends here; else it may go on in the next piece
  bool operator==(const Piece&) const = default;
};

class Timeline {
 public:
  /// Takes in a batch. Each piece begins where the one before it ends, also across calls, unless
  /// the GPU's clock jumped. Nothing is returned before the first record.
  std::vector<Piece> take(const SwitchBatch& batch);
  /// The process is gone: if its context is on the GPU, its run ends by `now`.
  std::vector<Piece> process_gone(uint32_t pid, Instant now);

  /// Whether a switch was seen.
  bool started() const { return started_; }
  /// The process on the GPU now, if one is known.
  std::optional<uint32_t> running() const;
  /// Our time of a moment of the GPU's clock, to within the quickest reading of the last minutes.
  Instant instant(int64_t gpu_ns) const { return {gpu_ns + delay_ns_}; }
  /// Records that do not fit: somebody writes nonsense, or records are lost unseen.
  uint64_t misfits() const { return misfits_; }

 private:
  enum class State { kRunning, kNobody, kUnknown };

  void event(const rm::SwitchEvent& event, Instant read_at);
  int64_t latest_at(Instant read_at) const;
  void begin_at(int64_t gpu_ns);
  void start(const rm::SwitchEvent& event);
  void end(const rm::SwitchEvent& event);
  void learn_delay(int64_t gpu_ns, Instant read_at);
  /// Closes the time up to `gpu_ns` as what it is known to be.
  void close(Piece::Kind kind, int64_t gpu_ns, bool ends = false);
  /// Counts the present state up to a moment that has passed.
  void advance(int64_t gpu_ns);

  bool started_ = false;
  State state_ = State::kUnknown;
  uint32_t pid_ = 0;                      // of kRunning
  uint32_t context_ = 0;                  // of kRunning
  std::optional<int64_t> free_since_ns_;  // of kNobody: when a run ended in an orderly way
  int64_t closed_ns_ = 0;                 // everything before it has been returned
  int64_t last_ns_ = 0;                   // of the last record
  Instant last_read_;                     // when that was read
  int64_t latest_ns_ = 0;                 // that a record of the present batch can be of
  int misfits_in_a_row_ = 0;
  uint64_t misfits_ = 0;
  int64_t delay_ns_ = 0;  // ours less the GPU's: the smallest of the last and the present period
  int64_t delay_before_ns_ = 0;
  int64_t delay_now_ns_ = 0;
  Instant period_end_;
  std::vector<Piece> pieces_;
};

}  // namespace corun::gpu
