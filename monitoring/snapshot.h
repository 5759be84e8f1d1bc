// What a node is doing at one instant, as values, and their JSON of docs/live-api.md. Collector,
// exporter, history, page and terminal view share these types.
//
// Times are unix seconds. What is not known is nothing, never 0.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "containers/container.h"
#include "core/json.h"
#include "core/result.h"
#include "engine/client/status.h"

namespace corun::monitoring {

inline constexpr int kLiveSchema = 1;

/// A figure whose name is its key or its field.
struct Figure {
  std::optional<double> value{};
  client::Label label = client::Label::kMeasured;
  bool operator==(const Figure&) const = default;
};
using Figures = std::map<std::string, Figure>;  ///< by name: docs/control-api.md lists them

struct CollectorState {
  double hz = 10;
  std::optional<double> cpu_ratio{};  ///< processor seconds a second of the collecting process
  double last_success = 0;            ///< end of the last cycle without an error
  std::vector<std::string> errors{};  ///< of the last cycle
  bool operator==(const CollectorState&) const = default;
};

struct Node {
  std::string hostname{};
  std::string version{};  ///< of corun
  std::string driver{};   ///< "580.159.04"; "" without one
  bool simulated = false;
  CollectorState collector{};
  bool operator==(const Node&) const = default;
};

/// Where a recording stands that is played instead of a node.
struct Replay {
  std::string file{};
  double from = 0;
  double to = 0;
  double at = 0;
  double speed = 1;
  bool paused = false;
  bool truncated = false;  ///< the file ends in the middle of a line
  bool operator==(const Replay&) const = default;
};

struct LastXid {
  uint64_t xid = 0;
  double at = 0;
  bool operator==(const LastXid&) const = default;
};

struct MigInstance {
  int gpu_instance = 0;
  int compute_instance = 0;
  std::string uuid{};     ///< "MIG-..."
  std::string profile{};  ///< "1g.10gb"
  uint64_t memory_bytes = 0;
  std::optional<int> start{};  ///< first memory slot
  std::optional<int> size{};   ///< slots
  bool operator==(const MigInstance&) const = default;
};
struct Mig {
  bool enabled = false;
  int slots = 0;
  std::vector<MigInstance> instances{};
  bool operator==(const Mig&) const = default;
};

struct MpsServer {
  int pid = 0;
  uint32_t user = 0;
  bool operator==(const MpsServer&) const = default;
};
struct Mps {
  std::vector<MpsServer> servers{};
  std::vector<int> clients{};
  bool operator==(const Mps&) const = default;
};

/// The corund that governs a GPU.
struct Daemon {
  int pid = 0;
  std::string version{};
  uint32_t user = 0;
  std::string policy{};
  std::string backend{};  ///< "slices", "mps"
  std::string slices{};   ///< "proven", "refuted", "unproven"
  std::string slices_why{};
  std::string gpu_time{};  ///< "measured", "estimated"
  double uptime_s = 0;
  Figures figures{};
  bool operator==(const Daemon&) const = default;
};

struct Process {
  int pid = 0;
  std::string name{};
  std::string command{};  ///< at most 256 bytes
  std::string user{};
  std::optional<uint64_t> memory_bytes{};
  std::optional<double> sm_utilization{};  ///< 0..1
  bool mps = false;                        ///< a client of MPS
  std::optional<int> gpu_instance{};
  std::optional<std::string> container{};  ///< short id of one in Snapshot::containers
  std::optional<std::string> workload{};   ///< "UID/NAME"
  double started = 0;
  bool operator==(const Process&) const = default;
};

struct Gpu {
  std::string uuid{};
  int index = 0;
  std::string name{};
  std::string pci_bus_id{};
  uint64_t memory_bytes = 0;
  std::optional<uint64_t> memory_used_bytes{};
  std::optional<double> utilization{};         ///< 0..1
  std::optional<double> memory_utilization{};  ///< 0..1, time that memory was read or written
  std::optional<double> sm_active{};
  std::optional<double> sm_occupancy{};
  std::optional<double> tensor_active{};
  std::optional<double> dram_active{};
  std::optional<double> power_watts{};
  std::optional<double> power_limit_watts{};
  std::optional<double> energy_joules{};  ///< since the driver was loaded
  std::optional<double> temperature_celsius{};
  std::optional<double> memory_temperature_celsius{};
  std::optional<double> sm_clock_hz{};
  std::optional<double> memory_clock_hz{};
  std::optional<double> pcie_rx_bytes_per_second{};
  std::optional<double> pcie_tx_bytes_per_second{};
  std::vector<std::string> throttle_reasons{};  ///< "sw-power-cap"
  std::optional<LastXid> last_xid{};
  std::optional<std::string> error{};  ///< "GPU is lost: ..."
  /// "managed", "managed-mps", "mps", "mig", "default", "exclusive-process", "prohibited".
  std::string mode{};
  std::optional<Mig> mig{};
  std::optional<Mps> mps{};
  std::optional<Daemon> daemon{};
  std::vector<Process> processes{};  ///< by PID
  bool operator==(const Gpu&) const = default;
};

using containers::Container;
using containers::Pod;

struct WorkloadNow {
  bool holds_gpu = false;
  bool waits = false;        ///< for its turn, or for a closed gate
  bool gate_closed = false;  ///< one that it closes itself
  uint32_t slice_us = 0;     ///< sum of its sessions' slices; 0: none ordered
  bool operator==(const WorkloadNow&) const = default;
};

struct WorkloadRates {
  Figure gpu_ratio{};   ///< GPU seconds a second
  Figure wait_ratio{};  ///< part of the time that closed gates and turns took from it
  Figure launches_per_second{};
  Figure context_switches_per_second{};
  bool operator==(const WorkloadRates&) const = default;
};

struct Workload {
  std::string gpu{};       ///< UUID
  std::string workload{};  ///< "UID/NAME"
  std::string name{};
  std::string user{};  ///< name of the user, or the UID where it has none
  ServiceClass service_class = ServiceClass::kNormal;  ///< "class" in JSON
  double weight = 1;
  double min_share = 0;
  double max_share = 1;
  std::string state{};  ///< "running", "parking", "parked", "resuming", "absent"
  std::optional<uint64_t> memory_limit_bytes{};
  std::optional<double> latency_target_us{};
  std::vector<std::string> containers{};  ///< short ids
  std::vector<int> pids{};
  WorkloadNow now{};
  WorkloadRates rates{};
  Figures figures{};
  std::optional<client::Lengths> burst_lengths{};  ///< nothing: no bursts, or not told
  std::vector<client::SessionStatus> sessions{};
  std::vector<client::Reason> reasons{};
  bool operator==(const Workload&) const = default;
};

struct Snapshot {
  double at = 0;
  Node node{};
  std::optional<Replay> replay{};
  std::vector<Gpu> gpus{};              ///< by index
  std::vector<Container> containers{};  ///< by id; those of processes on a GPU
  std::vector<Workload> workloads{};    ///< by GPU and id
  bool operator==(const Snapshot&) const = default;

  const Gpu* find_gpu(std::string_view uuid) const;
  const Container* find_container(std::string_view short_id) const;
};

/// A stretch of time of one lane of the time-slice chart.
struct SliceBlock {
  std::string gpu{};
  std::string workload{};  ///< "UID/NAME"; "": a process that is no workload
  double begin = 0;
  double end = 0;
  std::string what{};  ///< "run", "turn", "gate", "share", "wait", "parked", "switch", "idle"
  double seconds = 0;  ///< how much of it, for "gate" and "share"
  client::Label label = client::Label::kMeasured;
  bool operator==(const SliceBlock&) const = default;
};

enum class Severity { kInfo, kWarning, kError };
std::string_view to_string(Severity severity);  // "info", "warning", "error"

struct Event {
  uint64_t seq = 0;
  double at = 0;
  std::optional<std::string> gpu{};       ///< UUID
  std::optional<std::string> workload{};  ///< "UID/NAME"
  Severity severity = Severity::kInfo;
  std::string kind{};  ///< "xid", "join", "gate-opened", "collector", ...
  std::string text{};
  bool operator==(const Event&) const = default;
};

Json to_json(const Snapshot& snapshot);
Json to_json(const Node& node);
Json to_json(const Replay& replay);
Json to_json(const SliceBlock& block);
Json to_json(const Event& event);
Json json_of(const Container& container);
/// Errors (usage): what is wrong where. Keys that are not known are ignored; an optional value or a
/// list that is absent is nothing.
Result<Snapshot> snapshot_from_json(const Json& value);
Result<Node> node_from_json(const Json& value);
Result<SliceBlock> slice_block_from_json(const Json& value);
Result<Event> event_from_json(const Json& value);

}  // namespace corun::monitoring
