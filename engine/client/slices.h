// Who had the GPU when, as the daemon remembers it: values, and their JSON of docs/control-api.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/client/status.h"

namespace corun::client {

/// A stretch of time of one workload (or of a process that is none's).
struct SliceEntry {
  uint64_t seq = 0;
  int64_t begin_ns = 0;  ///< CLOCK_MONOTONIC
  int64_t end_ns = 0;
  std::string workload;  ///< "UID/NAME"; "": a process that is none of the daemon's
  int pid = 0;           ///< 0: not told, or of several
  /// "run": it held the GPU (measured). "turn": it was its turn (granted). "gate": its gate was
  /// closed for `seconds` of this time (measured). "share": its kernels ran for `seconds` of it
  /// (estimated).
  std::string what;
  double seconds = 0;
  Label label = Label::kMeasured;
  bool operator==(const SliceEntry&) const = default;
};

struct Slices {
  std::vector<SliceEntry> entries;  ///< in the order in which they became known
  uint64_t next = 0;                ///< `since` of the next request
  bool missed = false;              ///< entries since the asked one were overwritten
  bool more = false;                ///< there are more from `next` on
  bool operator==(const Slices&) const = default;
};

/// Entries of one reply, at most: a longer one would hold the daemon up.
inline constexpr size_t kMostSlices = 2048;

Json to_json(const SliceEntry& entry);
Json to_json(const Slices& slices);
/// Errors (failed): a reply that is not one; unknown keys are ignored.
Result<Slices> slices_from_json(const Json& value);

}  // namespace corun::client
