#include "benchmarking/mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "benchmarking/names.h"

namespace corun::benchmarking {

namespace {

TenantSpec built_in(const char* name, WorkloadKind kind, ServiceClass service_class) {
  TenantSpec tenant;
  tenant.workload.name = name;
  tenant.workload.kind = kind;
  tenant.workload.service_class = service_class;
  tenant.workload.command = {"corun-synthetic", name};
  return tenant;
}

// "infer", "infer-2", "infer-3": the n-th workload of the same name gets a number.
void number_names(std::vector<TenantSpec>& tenants) {
  std::map<std::string, int> seen;
  for (TenantSpec& tenant : tenants) {
    int count = ++seen[tenant.workload.name];
    if (count > 1) tenant.workload.name += fmt::format("-{}", count);
  }
}

std::string_view to_string(Speaks speaks) {
  switch (speaks) {
    case Speaks::kRows:
      return "rows";
    case Speaks::kNothing:
      return "nothing";
    case Speaks::kUnknown:
      return "unknown";
  }
  return "unknown";
}

template <typename T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

Mix cycle_mix(int n, bool quick) {
  std::array<TenantSpec, 4> cycle{
      built_in("train", WorkloadKind::kTraining, ServiceClass::kBestEffort),
      built_in("infer", WorkloadKind::kInference, ServiceClass::kLatencyCritical),
      built_in("notebook", WorkloadKind::kInteractive, ServiceClass::kNormal),
      built_in("infer", WorkloadKind::kInference, ServiceClass::kLatencyCritical),
  };
  if (quick) {
    std::vector<std::string>& command = cycle[2].workload.command;
    command.insert(command.end(), {"--burst", "100ms", "--think", "200ms"});
  }
  Mix mix{.name = fmt::format("cycle-{}", n),
          .description = "the built-in cycle train, infer, notebook, infer",
          .tenants = {}};
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    mix.tenants.push_back(cycle.at(i % cycle.size()));
  }
  number_names(mix.tenants);
  return mix;
}

Mix repeated(const Mix& mix, int n) {
  Mix result{
      .name = fmt::format("{}-{}", mix.name, n), .description = mix.description, .tenants = {}};
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    result.tenants.push_back(mix.tenants.at(i % mix.tenants.size()));
  }
  number_names(result.tenants);
  return result;
}

Result<std::vector<std::string>> split_command(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote != '\'' && c == '\\' && i + 1 < text.size()) {
      word += text[++i];
      in_word = true;
    } else if (quote != 0) {
      word += c;
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != 0) {
    return usage_error(fmt::format("the command has an open {} quote", quote), "close it");
  }
  if (in_word) words.push_back(std::move(word));
  if (words.empty()) return usage_error("the command is empty", "give a program to start");
  return words;
}

Result<TenantSpec> tenant_from_argument(std::string_view argument,
                                        std::optional<Nanos> ready_after) {
  size_t equals = argument.find('=');
  if (equals == std::string_view::npos) {
    return usage_error(fmt::format("--tenant '{}' has no '='", argument),
                       "write --tenant NAME='COMMAND ...'");
  }
  TenantSpec tenant;
  tenant.workload.name = std::string(argument.substr(0, equals));
  if (!is_name(tenant.workload.name)) {
    return usage_error(fmt::format("--tenant name '{}' is not a name", tenant.workload.name),
                       kNameRule);
  }
  auto words = split_command(argument.substr(equals + 1));
  if (!words) {
    return usage_error(fmt::format("--tenant {}: {}", tenant.workload.name, words.error().what),
                       words.error().todo);
  }
  tenant.workload.command = std::move(*words);
  tenant.speaks = Speaks::kUnknown;
  tenant.ready_after = ready_after;
  return tenant;
}

std::string solo_identity(const TenantSpec& tenant) {
  Json identity = {{"command", tenant.workload.command},
                   {"env", tenant.workload.env},
                   {"speaks", to_string(tenant.speaks)}};
  return to_line(identity);
}

Json to_json(const Mix& mix) {
  Json tenants = Json::array();
  for (const TenantSpec& tenant : mix.tenants) {
    const WorkloadSpec& w = tenant.workload;
    tenants.push_back({{"name", w.name},
                       {"kind", corun::to_string(w.kind)},
                       {"class", corun::to_string(w.service_class)},
                       {"weight", w.weight},
                       {"command", w.command},
                       {"env", w.env},
                       {"memory_limit_bytes", or_null(w.memory_limit_bytes)},
                       {"thread_percentage", or_null(w.thread_percentage)},
                       {"latency_target_ms", or_null(w.latency_target_ms)},
                       {"speaks", to_string(tenant.speaks)},
                       {"ready_after_s", tenant.ready_after ? Json(to_seconds(*tenant.ready_after))
                                                            : Json(nullptr)}});
  }
  return {{"name", mix.name}, {"description", mix.description}, {"workloads", tenants}};
}

}  // namespace corun::benchmarking
