#include "cli/run_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "cli/share_options.h"
#include "core/units.h"

namespace corun::cli {

namespace {

constexpr std::array<std::string_view, 6> kPolicies{"priority", "fair",   "quota",
                                                    "deadline", "rotate", "none"};

// As typed.
struct RawRun {
  std::string gpu = "auto", name, mode, start_daemon = "yes", policy, linger, quantum, slices;
  ShareTexts share;
};

/// Two commands without a name are two workloads, not one with two processes.
std::string default_name(const std::string& program) {
  std::string name = std::filesystem::path(program).filename().string();
  for (char& c : name) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!is_workload_name(std::string_view(&c, 1))) c = '-';
  }
  return fmt::format("{}-{}", name.substr(0, 40), getpid());
}

Status read_workload(const RawRun& raw, RunOptions& options) {
  Share& share = options.share;
  share.workload = raw.name.empty() ? default_name(options.command.front()) : raw.name;
  CORUN_TRY(check_workload_name(share.workload));
  CORUN_ASSIGN(const ShareValues values, read_share(raw.share));
  share.service_class = values.service_class.value_or(ServiceClass::kNormal);
  share.weight = values.weight.value_or(1);
  share.memory_limit_bytes = values.memory_bytes;
  if (values.latency_target) share.latency_target_ms = to_millis(*values.latency_target);
  return {};
}

Status read_daemon(const RawRun& raw, RunOptions& options) {
  if (!raw.mode.empty()) {
    if (raw.mode != "managed" && raw.mode != "managed-mps") {
      return usage_error(fmt::format("--mode '{}' is not a mode of 'corun run'", raw.mode),
                         "use managed or managed-mps");
    }
    options.mode = raw.mode;
  }
  if (raw.start_daemon != "yes" && raw.start_daemon != "no") {
    return usage_error(fmt::format("--start-daemon '{}'", raw.start_daemon), "use yes or no");
  }
  options.start_daemon = raw.start_daemon == "yes";
  CORUN_ASSIGN(options.choice,
               parse_daemon_choice(raw.policy, raw.linger, raw.quantum, raw.slices));
  return {};
}

}  // namespace

Result<modes::DaemonChoice> parse_daemon_choice(const std::string& policy,
                                                const std::string& linger,
                                                const std::string& quantum,
                                                const std::string& slices) {
  modes::DaemonChoice choice;
  if (!policy.empty()) {
    if (std::find(kPolicies.begin(), kPolicies.end(), policy) == kPolicies.end()) {
      return usage_error(fmt::format("unknown policy '{}'", policy),
                         fmt::format("use {}", fmt::join(kPolicies, ", ")));
    }
    choice.policy = policy;
  }
  if (!linger.empty()) {
    CORUN_ASSIGN(const std::vector<int> us, parse_numbers("--linger-us", linger, 0, 100000));
    if (us.size() != 1) return usage_error("--linger-us takes one number");
    choice.linger_us = static_cast<uint32_t>(us.front());
  }
  if (!quantum.empty()) {
    CORUN_ASSIGN(const Nanos time, of_option("--quantum", parse_duration(quantum)));
    if (time < std::chrono::microseconds(100) || time > std::chrono::minutes(1)) {
      return usage_error(fmt::format("--quantum {} is out of range", quantum), "use 100us to 60s");
    }
    choice.quantum_ms = to_millis(time);
  }
  if (!slices.empty()) {
    if (slices != "auto" && slices != "yes" && slices != "no") {
      return usage_error(fmt::format("--slices '{}'", slices), "use auto, yes or no");
    }
    choice.slices = slices;
  }
  return choice;
}

Result<RunOptions> parse_run_options(std::span<const std::string> arguments) {
  RunOptions options;
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const auto count = static_cast<size_t>(dashes - arguments.begin());
  RawRun raw;
  CLI::App app;
  app.add_option("--name", raw.name);
  raw.share.add_to(app);
  app.add_option("--gpu", raw.gpu);
  app.add_option("--device", options.device)->check(CLI::Range(0, 63));
  app.add_option("--mode", raw.mode);
  app.add_option("--start-daemon", raw.start_daemon);
  app.add_option("--policy", raw.policy);
  app.add_option("--linger-us", raw.linger);
  app.add_option("--quantum", raw.quantum);
  app.add_option("--slices", raw.slices);
  CORUN_TRY(parse_arguments(app, "run", arguments.first(count)));
  if (dashes != arguments.end()) options.command.assign(dashes + 1, arguments.end());
  if (options.command.empty()) {
    return usage_error("no command to run", "write it behind '--': corun run --name a -- COMMAND");
  }
  CORUN_ASSIGN(options.node, parse_node_choice(raw.gpu));
  CORUN_TRY(read_workload(raw, options));
  CORUN_TRY(read_daemon(raw, options));
  return options;
}

}  // namespace corun::cli
