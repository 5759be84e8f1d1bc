// The strict reader of mix files. yaml-cpp throws; nothing that it throws leaves this file.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <set>

#include "benchmarking/mix.h"
#include "benchmarking/names.h"
#include "core/files.h"
#include "core/nearest.h"
#include "core/units.h"

namespace corun::benchmarking {

namespace {

constexpr int kMaxCount = 64;

constexpr std::array<std::string_view, 3> kMixKeys{"name", "description", "workloads"};
constexpr std::array<std::string_view, 13> kTenantKeys{"name",
                                                       "kind",
                                                       "class",
                                                       "weight",
                                                       "command",
                                                       "arrival",
                                                       "env",
                                                       "memory-limit",
                                                       "thread-percentage",
                                                       "latency-target",
                                                       "count",
                                                       "speaks",
                                                       "ready-after"};
// What --arrivals of corun-synthetic infer and of the reference inference script takes.
constexpr std::array<std::string_view, 2> kArrivals{"poisson", "constant"};
constexpr std::string_view kArrivalsOption = "--arrivals";

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  Result<Mix> mix(const YAML::Node& root, std::string fallback_name);

 private:
  Error at(const YAML::Mark& mark, std::string what, std::string todo = {}) const {
    // An empty document has no place: line and column are -1 then.
    return usage_error(fmt::format("{}:{}:{}: {}", file_, std::max(mark.line, 0) + 1,
                                   std::max(mark.column, 0) + 1, what),
                       std::move(todo));
  }
  Error at(const YAML::Node& node, std::string what, std::string todo = {}) const {
    return at(node.Mark(), std::move(what), std::move(todo));
  }

  Status check_keys(const YAML::Node& map, std::span<const std::string_view> known,
                    std::string_view where) const;
  Result<std::string> text(const YAML::Node& node, std::string_view key) const;
  Result<double> number(const YAML::Node& node, std::string_view key, double low,
                        double high) const;
  Result<int> whole_number(const YAML::Node& node, std::string_view key, int low, int high) const;
  Result<std::string> name(const YAML::Node& node, std::string_view what) const;
  template <typename Parse>
  auto parsed(const YAML::Node& node, std::string_view key, Parse parse) const
      -> decltype(parse(std::string()));
  Status command(const YAML::Node& node, WorkloadSpec& workload) const;
  Status arrival(const YAML::Node& node, WorkloadSpec& workload) const;
  Status environment(const YAML::Node& node, WorkloadSpec& workload) const;
  Status identity(const YAML::Node& node, TenantSpec& tenant) const;
  Status limits(const YAML::Node& node, TenantSpec& tenant) const;
  Status protocol(const YAML::Node& node, TenantSpec& tenant) const;
  Status tenants(const YAML::Node& node, Mix& mix) const;

  std::string file_;
};

Status Reader::check_keys(const YAML::Node& map, std::span<const std::string_view> known,
                          std::string_view where) const {
  if (!map.IsMap()) return at(map, fmt::format("{} must be 'key: value' lines", where));
  std::set<std::string> seen;
  for (const auto& entry : map) {
    if (!entry.first.IsScalar()) return at(entry.first, "a key must be a word");
    const std::string& key = entry.first.Scalar();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      auto near = nearest(key, known);
      std::string todo = near ? fmt::format("did you mean '{}'?", *near)
                              : fmt::format("known keys: {}", fmt::join(known, ", "));
      return at(entry.first, fmt::format("unknown key '{}'", key), todo);
    }
    if (!seen.insert(key).second) {
      return at(entry.first, fmt::format("key '{}' is given twice", key), "keep one of them");
    }
  }
  return {};
}

Result<std::string> Reader::text(const YAML::Node& node, std::string_view key) const {
  if (!node.IsScalar()) return at(node, fmt::format("'{}' must be a text", key));
  return node.Scalar();
}

Result<double> Reader::number(const YAML::Node& node, std::string_view key, double low,
                              double high) const {
  double value = 0;
  bool ok = node.IsScalar() && YAML::convert<double>::decode(node, value);
  if (!ok || !(value >= low && value <= high)) {
    return at(node, fmt::format("'{}' must be a number from {} to {}", key, low, high));
  }
  return value;
}

Result<int> Reader::whole_number(const YAML::Node& node, std::string_view key, int low,
                                 int high) const {
  int value = 0;
  bool ok = node.IsScalar() && YAML::convert<int>::decode(node, value);
  if (!ok || value < low || value > high) {
    return at(node, fmt::format("'{}' must be a whole number from {} to {}", key, low, high));
  }
  return value;
}

Result<std::string> Reader::name(const YAML::Node& node, std::string_view what) const {
  CORUN_ASSIGN(std::string value, text(node, "name"));
  if (!is_name(value)) {
    return at(node, fmt::format("'{}' is not a {} name", value, what), kNameRule);
  }
  return value;
}

// A value that another room parses: its error gets this file's place.
template <typename Parse>
auto Reader::parsed(const YAML::Node& node, std::string_view key, Parse parse) const
    -> decltype(parse(std::string())) {
  CORUN_ASSIGN(std::string value, text(node, key));
  auto result = parse(value);
  if (!result) {
    return at(node, fmt::format("'{}': {}", key, result.error().what), result.error().todo);
  }
  return result;
}

Status Reader::command(const YAML::Node& node, WorkloadSpec& workload) const {
  if (node.IsScalar()) {
    CORUN_ASSIGN(workload.command,
                 parsed(node, "command", [](const std::string& t) { return split_command(t); }));
    return {};
  }
  if (!node.IsSequence() || node.size() == 0) {
    return at(node, "'command' must be a text or a list of texts, not empty");
  }
  for (const auto& word : node) {
    CORUN_ASSIGN(std::string value, text(word, "command"));
    workload.command.push_back(value);
  }
  return {};
}

// An option of the command, so that the command alone says what ran.
Status Reader::arrival(const YAML::Node& node, WorkloadSpec& workload) const {
  CORUN_ASSIGN(std::string value, text(node, "arrival"));
  if (std::find(kArrivals.begin(), kArrivals.end(), value) == kArrivals.end()) {
    return at(node, fmt::format("unknown 'arrival' '{}'", value),
              fmt::format("use {}", fmt::join(kArrivals, " or ")));
  }
  for (const std::string& word : workload.command) {
    if (word == kArrivalsOption || word.starts_with(fmt::format("{}=", kArrivalsOption))) {
      return at(node, fmt::format("'arrival' beside {} in the command", kArrivalsOption),
                "keep one of them");
    }
  }
  workload.command.insert(workload.command.end(), {std::string(kArrivalsOption), value});
  return {};
}

Status Reader::environment(const YAML::Node& node, WorkloadSpec& workload) const {
  if (!node.IsMap()) return at(node, "'env' must be 'NAME: value' lines");
  for (const auto& entry : node) {
    CORUN_ASSIGN(std::string key, text(entry.first, "env"));
    CORUN_ASSIGN(std::string value, text(entry.second, key));
    if (key.empty() || key.find('=') != std::string::npos) {
      return at(entry.first, fmt::format("'{}' cannot be a variable's name", key));
    }
    workload.env[key] = value;
  }
  return {};
}

Status Reader::identity(const YAML::Node& node, TenantSpec& tenant) const {
  WorkloadSpec& workload = tenant.workload;
  if (!node["name"]) return at(node, "a workload without 'name'", "give it one");
  CORUN_ASSIGN(workload.name, name(node["name"], "workload"));
  if (!node["command"]) {
    return at(node, fmt::format("workload '{}' has no 'command'", workload.name),
              "say what to start");
  }
  CORUN_TRY(command(node["command"], workload));
  if (node["kind"]) {
    CORUN_ASSIGN(workload.kind, parsed(node["kind"], "kind", parse_workload_kind));
  }
  if (node["class"]) {
    CORUN_ASSIGN(workload.service_class, parsed(node["class"], "class", parse_service_class));
  }
  if (node["arrival"]) CORUN_TRY(arrival(node["arrival"], workload));
  if (node["env"]) CORUN_TRY(environment(node["env"], workload));
  return {};
}

Status Reader::limits(const YAML::Node& node, TenantSpec& tenant) const {
  WorkloadSpec& workload = tenant.workload;
  if (node["weight"]) {
    CORUN_ASSIGN(workload.weight, number(node["weight"], "weight", 0.001, 1000));
  }
  if (node["memory-limit"]) {
    CORUN_ASSIGN(uint64_t bytes, parsed(node["memory-limit"], "memory-limit", parse_bytes));
    workload.memory_limit_bytes = bytes;
  }
  if (node["thread-percentage"]) {
    CORUN_ASSIGN(int percentage,
                 whole_number(node["thread-percentage"], "thread-percentage", 1, 100));
    workload.thread_percentage = percentage;
  }
  if (node["latency-target"]) {
    CORUN_ASSIGN(Nanos target, parsed(node["latency-target"], "latency-target", parse_duration));
    workload.latency_target_ms = to_millis(target);
  }
  return {};
}

Status Reader::protocol(const YAML::Node& node, TenantSpec& tenant) const {
  if (node["speaks"]) {
    CORUN_ASSIGN(std::string speaks, text(node["speaks"], "speaks"));
    if (speaks != "rows" && speaks != "nothing") {
      return at(node["speaks"], fmt::format("unknown 'speaks' '{}'", speaks),
                "use rows (docs/row-protocol.md) or nothing");
    }
    tenant.speaks = speaks == "rows" ? Speaks::kRows : Speaks::kNothing;
  }
  if (node["ready-after"]) {
    if (tenant.speaks == Speaks::kRows) {
      return at(node["ready-after"], "'ready-after' is for silent commands only",
                "add 'speaks: nothing', or leave it out");
    }
    CORUN_ASSIGN(Nanos after, parsed(node["ready-after"], "ready-after", parse_duration));
    tenant.ready_after = after;
  }
  return {};
}

Status Reader::tenants(const YAML::Node& node, Mix& mix) const {
  if (!node.IsSequence() || node.size() == 0) {
    return at(node, "'workloads' must be a list of workloads, not empty");
  }
  std::set<std::string> names;
  for (const auto& entry : node) {
    CORUN_TRY(check_keys(entry, kTenantKeys, "a workload"));
    TenantSpec tenant;
    CORUN_TRY(identity(entry, tenant));
    CORUN_TRY(limits(entry, tenant));
    CORUN_TRY(protocol(entry, tenant));
    int count = 1;
    if (entry["count"]) {
      CORUN_ASSIGN(count, whole_number(entry["count"], "count", 1, kMaxCount));
    }
    std::string base = tenant.workload.name;
    for (int i = 1; i <= count; ++i) {
      if (i > 1) tenant.workload.name = fmt::format("{}-{}", base, i);
      if (!names.insert(tenant.workload.name).second) {
        return at(entry["name"], fmt::format("two workloads are named '{}'", tenant.workload.name),
                  "names are unique in a mix");
      }
      mix.tenants.push_back(tenant);
    }
  }
  return {};
}

Result<Mix> Reader::mix(const YAML::Node& root, std::string fallback_name) {
  CORUN_TRY(check_keys(root, kMixKeys, "a mix"));
  Mix mix;
  mix.name = std::move(fallback_name);
  if (root["name"]) {
    CORUN_ASSIGN(mix.name, name(root["name"], "mix"));
  }
  if (!is_name(mix.name)) {
    return at(root, fmt::format("the file's name '{}' is not a mix name", mix.name),
              "add a 'name: ...' line");
  }
  if (root["description"]) {
    CORUN_ASSIGN(mix.description, text(root["description"], "description"));
  }
  if (!root["workloads"]) return at(root, "a mix without 'workloads'", "list its workloads");
  CORUN_TRY(tenants(root["workloads"], mix));
  return mix;
}

std::vector<std::string> mixes_in(std::span<const std::filesystem::path> folders) {
  std::set<std::string> names;
  for (const auto& folder : folders) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".yaml") names.insert(entry.path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

}  // namespace

Result<Mix> parse_mix(std::string_view yaml, std::string_view file) {
  try {
    YAML::Node root = YAML::Load(std::string(yaml));
    return Reader(file).mix(root, std::filesystem::path(file).stem().string());
  } catch (const YAML::Exception& error) {
    return usage_error(
        fmt::format("{}:{}:{}: {}", file, error.mark.line + 1, error.mark.column + 1, error.msg),
        "see docs/mixes.md for the format");
  }
}

Result<Mix> load_mix(const std::filesystem::path& file) {
  auto yaml = read_file(file);
  if (!yaml) return usage_error(yaml.error().what, "give a mix file that can be read");
  return parse_mix(*yaml, file.string());
}

Result<Mix> find_mix(std::string_view name, std::span<const std::filesystem::path> folders) {
  if (name.find('/') != std::string_view::npos || name.ends_with(".yaml")) return load_mix(name);
  for (const auto& folder : folders) {
    std::filesystem::path file = folder / (std::string(name) + ".yaml");
    std::error_code error;
    if (std::filesystem::exists(file, error)) return load_mix(file);
  }
  std::vector<std::string> names = mixes_in(folders);
  std::vector<std::string_view> views(names.begin(), names.end());
  auto near = nearest(name, views);
  return usage_error(fmt::format("unknown mix '{}'", name),
                     near ? fmt::format("did you mean '{}'?", *near)
                          : fmt::format("use a file, or one of: {}", fmt::join(names, ", ")));
}

}  // namespace corun::benchmarking
