// What a daemon tells about itself, as values; JSON of docs/control-api.md on the wire. Daemon and
// clients share these types, so that both ends agree.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/model/workload.h"
#include "core/result.h"
#include "engine/client/lengths.h"

namespace corun::client {

inline constexpr int kControlSchema = 1;

/// How a figure came about.
enum class Label {
  kMeasured,   ///< counted by the workload's shim, or read from the driver
  kGranted,    ///< what the daemon ordered
  kEstimated,  ///< from estimates of kernel durations, or of what had to wait
};
std::string_view to_string(Label label);  // "measured", "granted", "estimated"
Result<Label> parse_label(std::string_view text);

struct Figure {
  std::string name;             ///< "gpu_seconds"; docs/control-api.md lists them
  std::optional<double> value;  ///< nothing: not known here
  Label label = Label::kMeasured;
  bool operator==(const Figure&) const = default;
};

/// Whether time slices act on this GPU and driver: measured, never assumed.
enum class SlicesState { kProven, kRefuted, kUnproven };
std::string_view to_string(SlicesState state);  // "proven", "refuted", "unproven"
Result<SlicesState> parse_slices_state(std::string_view text);

struct GpuStatus {
  std::string uuid;
  int index = 0;
  std::string name;
  std::string driver;
  bool simulated = false;
  uint64_t memory_bytes = 0;
  bool operator==(const GpuStatus&) const = default;
};

/// What `settings` changes and `status` shows.
struct DaemonSettings {
  std::string policy;               ///< "priority", "fair", "quota", "deadline", "rotate", "none"
  uint32_t linger_us = 0;           ///< how long the GPU is kept after a burst drained
  bool learn_linger = true;         ///< latency-critical sessions learn how much of it pays
  bool hold = true;                 ///< a kernel keeps the GPU where slices act
  double quantum_ms = 0;            ///< all turns together
  double quota_window_ms = 0;       ///< over which shares hold
  uint32_t wait_every_us = 0;       ///< a gate is waited for once per this much work
  uint32_t preempted_slice_us = 1;  ///< slice of who works beside latency-critical workloads
  bool gate_with_slices = true;     ///< close gates although slices order the classes
  double max_burst_ms = 0;          ///< a gate closed for longer is opened by the daemon
  // Earlier daemons do not tell these: their defaults.
  double park_idle_s = 60;      ///< so long idle, it may be parked; 0: never
  double memory_wait_s = 30;    ///< an allocation waits so long for memory; 0: not at all
  double longest_away_s = 120;  ///< nobody is parked for longer by rotate, if possible; 0: no bound
  uint64_t memory_reserve_bytes = 512ULL << 20;  ///< less than this free is memory pressure
  uint64_t memory_capacity_bytes = 0;            ///< that workloads may use of the GPU; 0: all
  bool operator==(const DaemonSettings&) const = default;
};

struct SessionStatus {
  uint64_t session = 0;
  int pid = 0;  ///< as the daemon sees it; 0: in a PID namespace that it does not see
  std::string program;
  uint32_t slice_us = 0;        ///< granted; 0: none ordered
  std::vector<int> armed;       ///< gates it waits for
  bool waits_for_turn = false;  ///< it waits for its own turn word
  bool turn_open = true;
  std::optional<int> gate;         ///< that it closes around its bursts
  uint32_t close_permille = 1000;  ///< of its bursts, how many close the gate
  uint64_t memory_limit_bytes = 0;
  std::vector<std::string> flags;  ///< "capturing", "no-wait-value", "no-channel-groups", ...
  bool operator==(const SessionStatus&) const = default;
};

/// The last decision of one kind about a workload.
struct Reason {
  std::string change;  ///< "slice 6000 us"
  std::string why;
  bool operator==(const Reason&) const = default;
};

struct WorkloadStatus {
  std::string name;
  uint32_t user = 0;
  ServiceClass service_class = ServiceClass::kNormal;
  double weight = 1;
  double min_share = 0;
  double max_share = 1;
  std::optional<uint64_t> memory_limit_bytes;
  std::optional<double> latency_target_us;
  std::string state;  ///< "running", "parking", "parked", "resuming", "absent"
  std::vector<SessionStatus> sessions;
  std::vector<Figure> figures;
  std::optional<Lengths> burst_lengths;  ///< nothing: no bursts, or an earlier daemon
  std::vector<Reason> reasons;
  bool operator==(const WorkloadStatus&) const = default;

  /// The figure of this name, or null.
  const Figure* find(std::string_view figure) const;
};

struct GateStatus {
  int gate = 0;
  std::optional<uint64_t> holder;  ///< session
  std::string workload;            ///< of the holder
  bool closed = false;
  double closed_ms = 0;           ///< for how long, if closed
  uint64_t opened_by_daemon = 0;  ///< how often the daemon had to open it
  bool operator==(const GateStatus&) const = default;
};

struct DaemonStatus {
  GpuStatus gpu;
  int pid = 0;
  uint32_t user = 0;
  std::string version;
  uint32_t wire_version = 0;
  double uptime_s = 0;
  std::string state_file;
  std::string backend;  ///< "slices" or "mps"
  SlicesState slices = SlicesState::kUnproven;
  std::string slices_why;
  bool watchdog = false;               ///< a watchdog process runs
  Label gpu_time = Label::kEstimated;  ///< whether GPU times are measured or estimated here
  std::string gpu_time_why;
  std::vector<Figure> figures;  ///< of the whole GPU; docs/control-api.md lists them
  DaemonSettings settings;
  std::vector<GateStatus> gates;  ///< those that have a holder or were opened by the daemon
  std::vector<WorkloadStatus> workloads;
  bool operator==(const DaemonStatus&) const = default;

  /// The figure of this name, or null.
  const Figure* find(std::string_view figure) const;
};

/// One decision: what changed for a session, when and why.
struct TraceEntry {
  uint64_t seq = 0;
  int64_t at_ns = 0;  ///< CLOCK_MONOTONIC
  uint64_t session = 0;
  std::string workload;
  std::string change;
  std::string why;
  bool operator==(const TraceEntry&) const = default;
};
struct Trace {
  std::vector<TraceEntry> entries;
  uint64_t next = 0;    ///< `since` of the next request
  bool missed = false;  ///< entries since the asked one were overwritten
  bool operator==(const Trace&) const = default;
};

/// Something an operator may want to know: joins, ends, gates opened by force, ...
struct DaemonEvent {
  uint64_t seq = 0;
  int64_t at_ns = 0;
  std::string kind;  ///< "join", "leave", "gate-opened", "slices", "settings", "watchdog", ...
  std::string text;
  bool operator==(const DaemonEvent&) const = default;
};
struct Events {
  std::vector<DaemonEvent> entries;
  uint64_t next = 0;
  bool missed = false;
  bool operator==(const Events&) const = default;
};

Json to_json(const DaemonStatus& status);
Json to_json(const WorkloadStatus& workload);
Json to_json(const SessionStatus& session);
Json to_json(const DaemonSettings& settings);
Json to_json(const Trace& trace);
Json to_json(const Events& events);
/// Errors (failed): a reply that is not one; keys that this version does not know are ignored.
Result<DaemonStatus> status_from_json(const Json& value);
Result<SessionStatus> session_from_json(const Json& value);
Result<DaemonSettings> settings_from_json(const Json& value);
Result<Trace> trace_from_json(const Json& value);
Result<Events> events_from_json(const Json& value);

}  // namespace corun::client
