#include "monitoring/snapshot.h"

#include <algorithm>
#include <utility>

#include "core/json_fields.h"
#include "core/json_values.h"

namespace corun::monitoring {

namespace {

// Each type names its fields once, in fields(): a Writer makes JSON of them, a Reader fills them.
class Writer;
class Reader;

template <typename Io>
void fields(Io& io, Figure& v);
template <typename Io>
void fields(Io& io, CollectorState& v) {
  io("hz", v.hz), io("cpu_ratio", v.cpu_ratio), io("last_success", v.last_success);
  io("errors", v.errors);
}
template <typename Io>
void fields(Io& io, Node& v) {
  io("hostname", v.hostname), io("version", v.version), io("driver", v.driver);
  io("simulated", v.simulated), io("collector", v.collector);
}
template <typename Io>
void fields(Io& io, Replay& v) {
  io("file", v.file), io("from", v.from), io("to", v.to), io("at", v.at), io("speed", v.speed);
  io("paused", v.paused), io("truncated", v.truncated);
}
template <typename Io>
void fields(Io& io, LastXid& v) {
  io("xid", v.xid), io("at", v.at);
}
template <typename Io>
void fields(Io& io, MigInstance& v) {
  io("gpu_instance", v.gpu_instance), io("compute_instance", v.compute_instance);
  io("uuid", v.uuid), io("profile", v.profile), io("memory_bytes", v.memory_bytes);
  io("start", v.start), io("size", v.size);
}
template <typename Io>
void fields(Io& io, Mig& v) {
  io("enabled", v.enabled), io("slots", v.slots), io("instances", v.instances);
}
template <typename Io>
void fields(Io& io, MpsServer& v) {
  io("pid", v.pid), io("user", v.user);
}
template <typename Io>
void fields(Io& io, Mps& v) {
  io("servers", v.servers), io("clients", v.clients);
}
template <typename Io>
void fields(Io& io, Daemon& v) {
  io("pid", v.pid), io("version", v.version), io("user", v.user), io("policy", v.policy);
  io("backend", v.backend), io("slices", v.slices), io("slices_why", v.slices_why);
  io("gpu_time", v.gpu_time), io("uptime_s", v.uptime_s), io("figures", v.figures);
}
template <typename Io>
void fields(Io& io, Process& v) {
  io("pid", v.pid), io("name", v.name), io("command", v.command), io("user", v.user);
  io("memory_bytes", v.memory_bytes), io("sm_utilization", v.sm_utilization), io("mps", v.mps);
  io("gpu_instance", v.gpu_instance), io("container", v.container);
  io("workload", v.workload), io("started", v.started);
}
template <typename Io>
void fields(Io& io, Gpu& v) {
  io("uuid", v.uuid), io("index", v.index), io("name", v.name), io("pci_bus_id", v.pci_bus_id);
  io("memory_bytes", v.memory_bytes), io("memory_used_bytes", v.memory_used_bytes);
  io("utilization", v.utilization), io("memory_utilization", v.memory_utilization);
  io("sm_active", v.sm_active), io("sm_occupancy", v.sm_occupancy);
  io("tensor_active", v.tensor_active), io("dram_active", v.dram_active);
  io("power_watts", v.power_watts), io("power_limit_watts", v.power_limit_watts);
  io("energy_joules", v.energy_joules), io("temperature_celsius", v.temperature_celsius);
  io("memory_temperature_celsius", v.memory_temperature_celsius);
  io("sm_clock_hz", v.sm_clock_hz), io("memory_clock_hz", v.memory_clock_hz);
  io("pcie_rx_bytes_per_second", v.pcie_rx_bytes_per_second);
  io("pcie_tx_bytes_per_second", v.pcie_tx_bytes_per_second);
  io("throttle_reasons", v.throttle_reasons), io("last_xid", v.last_xid), io("error", v.error);
  io("mode", v.mode), io("mig", v.mig), io("mps", v.mps), io("daemon", v.daemon);
  io("processes", v.processes);
}
template <typename Io>
void fields(Io& io, Pod& v) {
  io("uid", v.uid), io("name", v.name), io("namespace", v.namespace_name);
}
template <typename Io>
void fields(Io& io, Container& v) {
  io("id", v.id), io("short_id", v.short_id), io("runtime", v.runtime), io("name", v.name);
  io("image", v.image), io("pod", v.pod);
}
template <typename Io>
void fields(Io& io, WorkloadNow& v) {
  io("holds_gpu", v.holds_gpu), io("waits", v.waits), io("gate_closed", v.gate_closed);
  io("slice_us", v.slice_us);
}
template <typename Io>
void fields(Io& io, WorkloadRates& v) {
  io("gpu_ratio", v.gpu_ratio), io("wait_ratio", v.wait_ratio);
  io("launches_per_second", v.launches_per_second);
  io("context_switches_per_second", v.context_switches_per_second);
}
template <typename Io>
void fields(Io& io, Workload& v) {
  io("gpu", v.gpu), io("workload", v.workload), io("name", v.name), io("user", v.user);
  io("class", v.service_class), io("weight", v.weight), io("min_share", v.min_share);
  io("max_share", v.max_share), io("state", v.state);
  io("memory_limit_bytes", v.memory_limit_bytes), io("latency_target_us", v.latency_target_us);
  io("containers", v.containers), io("pids", v.pids), io("now", v.now), io("rates", v.rates);
  io("figures", v.figures), io("burst_lengths", v.burst_lengths), io("sessions", v.sessions);
  io("reasons", v.reasons);
}
template <typename Io>
void fields(Io& io, Snapshot& v) {
  io("at", v.at), io("node", v.node), io("replay", v.replay), io("gpus", v.gpus);
  io("containers", v.containers), io("workloads", v.workloads);
}
template <typename Io>
void fields(Io& io, SliceBlock& v) {
  io("gpu", v.gpu), io("workload", v.workload), io("begin", v.begin), io("end", v.end);
  io("what", v.what), io("seconds", v.seconds), io("label", v.label);
}
template <typename Io>
void fields(Io& io, Event& v) {
  io("seq", v.seq), io("at", v.at), io("gpu", v.gpu), io("workload", v.workload);
  io("severity", v.severity), io("kind", v.kind), io("text", v.text);
}
template <typename Io>
void fields(Io& io, Figure& v) {
  io("value", v.value), io("label", v.label);
}

Result<Severity> parse_severity(std::string_view text) {
  for (const Severity one : {Severity::kInfo, Severity::kWarning, Severity::kError}) {
    if (to_string(one) == text) return one;
  }
  return usage_error("unknown severity: " + std::string(text));
}

class Writer {
 public:
  template <typename T>
  void operator()(const char* key, const T& value) {
    object[key] = json_of(value);
  }
  Json object = Json::object();

  template <typename T>
  static Json json_of(const T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;
    } else {
      Writer writer;
      fields(writer, const_cast<T&>(value));  // a Writer changes nothing
      return std::move(writer.object);
    }
  }
  static Json json_of(client::Label label) { return to_string(label); }
  static Json json_of(ServiceClass service_class) { return to_string(service_class); }
  static Json json_of(Severity severity) { return to_string(severity); }
  static Json json_of(const client::SessionStatus& session) { return client::to_json(session); }
  static Json json_of(const client::Lengths& lengths) { return client::to_json(lengths); }
  static Json json_of(const client::Reason& reason) {
    return {{"change", reason.change}, {"why", reason.why}};
  }
  template <typename T>
  static Json json_of(const std::optional<T>& value) {
    return value ? json_of(*value) : Json();
  }
  template <typename T>
  static Json json_of(const std::vector<T>& values) {
    Json list = Json::array();
    for (const T& value : values) list.push_back(json_of(value));
    return list;
  }
  static Json json_of(const Figures& figures) {
    Json all = Json::object();
    for (const auto& [name, figure] : figures) all[name] = json_of(figure);
    return all;
  }
};

/// Keeps the first error; reads nothing more then.
class Reader {
 public:
  Reader(const Json& object, std::string what) : object_(object), what_(std::move(what)) {
    if (!object_.is_object()) status_ = usage_error(what_ + ": not a JSON object");
  }
  const Status& status() const { return status_; }

  template <typename T>
  void operator()(const char* key, T& value) {
    if (!status_) return;
    const auto found = object_.find(key);
    if (found != object_.end()) {
      status_ = read(*found, what_ + "." + key, value);
    } else if (!may_be_absent(value)) {
      status_ = usage_error(what_ + ": missing key '" + key + "'");
    }
  }

  template <typename T>
  static Status read(const Json& json, const std::string& what, T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return read_plain(json, what, value);
    } else {
      Reader reader(json, what);
      if (reader.status()) fields(reader, value);
      return reader.status();
    }
  }

 private:
  template <typename T>
  static constexpr bool may_be_absent(const T&) {
    return false;
  }
  template <typename T>
  static constexpr bool may_be_absent(const std::optional<T>&) {
    return true;
  }
  template <typename T>
  static constexpr bool may_be_absent(const std::vector<T>&) {
    return true;
  }
  static constexpr bool may_be_absent(const bool&) { return true; }
  static constexpr bool may_be_absent(const Figures&) { return true; }
  static constexpr bool may_be_absent(const WorkloadRates&) { return true; }

  template <typename T>
  static Status read_plain(const Json& json, const std::string& what, T& value) {
    const Json whole{{"value", json}};
    JsonFields in(whole, what);
    if constexpr (std::is_same_v<T, uint32_t>) {
      uint64_t wide = 0;
      in.get("value", wide);
      if (!std::in_range<uint32_t>(wide)) in.fail("value", "not a whole number of 32 bits");
      value = static_cast<uint32_t>(wide);
    } else {
      in.get("value", value);
    }
    return in.status();
  }
  template <typename T, typename Parse>
  static Status read_word(const Json& json, const std::string& what, T& value, Parse parse) {
    if (!json.is_string()) return usage_error(what + ": not text");
    CORUN_ASSIGN(value, parse(json.get_ref<const std::string&>()));
    return {};
  }
  static Status read(const Json& json, const std::string& what, client::Label& value) {
    return read_word(json, what, value, client::parse_label);
  }
  static Status read(const Json& json, const std::string& what, ServiceClass& value) {
    return read_word(json, what, value, parse_service_class);
  }
  static Status read(const Json& json, const std::string& what, Severity& value) {
    return read_word(json, what, value, parse_severity);
  }
  static Status read(const Json& json, const std::string&, client::SessionStatus& value) {
    CORUN_ASSIGN(value, client::session_from_json(json));
    return {};
  }
  static Status read(const Json& json, const std::string&, client::Lengths& value) {
    CORUN_ASSIGN(value, client::lengths_from_json(json));
    return {};
  }
  static Status read(const Json& json, const std::string& what, client::Reason& value) {
    JsonFields in(json, what);
    in.get("change", value.change);
    in.get("why", value.why);
    return in.status();
  }
  template <typename T>
  static Status read(const Json& json, const std::string& what, std::optional<T>& value) {
    value.reset();
    if (json.is_null()) return {};
    return read(json, what, value.emplace());
  }
  template <typename T>
  static Status read(const Json& json, const std::string& what, std::vector<T>& values) {
    if (!json.is_array()) return usage_error(what + ": not a list");
    values.clear();
    for (const Json& one : json) CORUN_TRY(read(one, what, values.emplace_back()));
    return {};
  }
  static Status read(const Json& json, const std::string& what, Figures& figures) {
    if (!json.is_object()) return usage_error(what + ": not a JSON object");
    for (const auto& [name, one] : json.items()) CORUN_TRY(read(one, what, figures[name]));
    return {};
  }

  const Json& object_;
  const std::string what_;
  Status status_;
};

template <typename T>
Result<T> read_whole(const Json& json, const char* what) {
  T value;
  CORUN_TRY(Reader::read(json, what, value));
  return value;
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "unknown";
}

const Gpu* Snapshot::find_gpu(std::string_view uuid) const {
  const auto found =
      std::find_if(gpus.begin(), gpus.end(), [uuid](const Gpu& one) { return one.uuid == uuid; });
  return found == gpus.end() ? nullptr : &*found;
}

const Container* Snapshot::find_container(std::string_view short_id) const {
  const auto found =
      std::find_if(containers.begin(), containers.end(),
                   [short_id](const Container& one) { return one.short_id == short_id; });
  return found == containers.end() ? nullptr : &*found;
}

Json to_json(const Snapshot& snapshot) {
  Json json = Writer::json_of(snapshot);
  json["schema"] = kLiveSchema;
  return json;
}
Json to_json(const Node& node) { return Writer::json_of(node); }
Json to_json(const Replay& replay) { return Writer::json_of(replay); }
Json to_json(const SliceBlock& block) { return Writer::json_of(block); }
Json to_json(const Event& event) { return Writer::json_of(event); }
Json json_of(const Container& container) { return Writer::json_of(container); }

Result<Snapshot> snapshot_from_json(const Json& value) {
  if (value.is_object() && value.contains("schema") && value["schema"] != kLiveSchema) {
    return usage_error("snapshot: of schema " + to_line(value["schema"]).substr(0, 20),
                       "this corun reads schema 1");
  }
  return read_whole<Snapshot>(value, "snapshot");
}
Result<Node> node_from_json(const Json& value) { return read_whole<Node>(value, "node"); }
Result<SliceBlock> slice_block_from_json(const Json& value) {
  return read_whole<SliceBlock>(value, "slice");
}
Result<Event> event_from_json(const Json& value) { return read_whole<Event>(value, "event"); }

}  // namespace corun::monitoring
