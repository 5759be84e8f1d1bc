// corun settings: how a corund shares its GPU, shown and changed.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/daemons.h"
#include "cli/settings_table.h"
#include "cli/verb.h"

namespace corun::cli {

namespace {

constexpr int kSchema = 1;

std::string help_text() {
  std::string text =
      "Usage: corun settings [options]\n"
      "\n"
      "How each corund shares its GPU; changes that at once and for its next starts.\n"
      "\n";
  const auto add = [&text](std::string_view option, std::string_view value,
                           std::string_view meaning) {
    text += fmt::format("  {:<27}  {}\n", fmt::format("{} {}", option, value), meaning);
  };
  for (const Setting& setting : kSettings) add(setting.option, setting.value, setting.meaning);
  add("--device", "N", "the corund of this GPU, by index or UUID");
  add("--json", "", "what is in force then: {schema, daemons: [{gpu, settings}]}");
  add("--run-dir", "DIR", "the corund of this folder");
  text +=
      "\n"
      "Exit code: 0; 1 refused (only root and corund's user may); 2 out of range; 3 no corund.\n"
      "Example: corun settings --policy deadline --linger-us 100\n";
  return text;
}

struct SettingsOptions {
  Json change = Json::object();
  std::string device, run_dir;
  bool json = false;
};

Result<SettingsOptions> parse_settings(std::span<const std::string> arguments) {
  SettingsOptions options;
  std::array<std::optional<std::string>, kSettings.size()> typed;
  CLI::App app;
  for (size_t i = 0; i < kSettings.size(); ++i) {
    app.add_option(std::string(kSettings[i].option), typed[i]);
  }
  app.add_option("--device", options.device);
  app.add_flag("--json", options.json);
  app.add_option("--run-dir", options.run_dir);
  CORUN_TRY(parse_arguments(app, "settings", arguments));
  for (size_t i = 0; i < kSettings.size(); ++i) {
    if (!typed[i]) continue;
    CORUN_ASSIGN(options.change[kSettings[i].key], setting_value(kSettings[i], *typed[i]));
  }
  return options;
}

Result<std::vector<modes::RunningDaemon>> daemons_for(const SettingsOptions& options) {
  CORUN_ASSIGN(std::vector<modes::RunningDaemon> daemons, require_daemons(options.run_dir));
  if (!options.device.empty()) {
    std::erase_if(daemons, [&options](const modes::RunningDaemon& one) {
      const client::GpuStatus& gpu = one.status.gpu;
      return options.device != gpu.uuid && options.device != std::to_string(gpu.index);
    });
    if (daemons.empty()) return usage_error("no corund governs GPU " + options.device);
  }
  if (options.change.empty() || daemons.size() == 1) return daemons;
  std::string names;
  for (const modes::RunningDaemon& one : daemons) {
    names += fmt::format("{}{} in {}", names.empty() ? "" : ", ", one.status.gpu.uuid,
                         one.run_dir.string());
  }
  return usage_error("several corunds run: " + names, "name one with --device or --run-dir");
}

/// Sends the change (which may be none); what is in force then.
Result<Json> change_settings(const modes::RunningDaemon& running, const Json& change) {
  CORUN_ASSIGN(client::Client daemon, connect_to(running));
  Json request = change;
  request["op"] = "settings";
  CORUN_ASSIGN(const Json reply, daemon.call(request));
  const auto found = reply.find("settings");
  if (found == reply.end() || !found->is_object()) {
    return failed("corund answered without its settings");
  }
  return *found;
}

std::string text_of(const client::DaemonStatus& status, const Json& settings) {
  std::string text =
      fmt::format("{}GPU {}: {}; corund {} (PID {})\n", status.gpu.simulated ? "SIMULATED " : "",
                  status.gpu.index, status.gpu.name, status.version, status.pid);
  Json rest = settings;
  for (const Setting& setting : kSettings) {
    text += fmt::format("  {:<20}  {:<10}  {}\n", setting.option.substr(2),
                        setting_text(setting, settings), setting.meaning);
    rest.erase(setting.key);
  }
  // Of a corund that is newer than this program.
  for (const auto& [key, value] : rest.items()) {
    text += fmt::format("  {:<20}  {}\n", key, to_line(value));
  }
  return text;
}

Result<ExitCode> run_settings(std::span<const std::string> arguments, Console& console) {
  CORUN_ASSIGN(const SettingsOptions options, parse_settings(arguments));
  CORUN_ASSIGN(const auto daemons, daemons_for(options));
  Json list = Json::array();
  std::string text;
  for (const modes::RunningDaemon& one : daemons) {
    CORUN_ASSIGN(const Json settings, change_settings(one, options.change));
    const client::GpuStatus& gpu = one.status.gpu;
    list.push_back({{"gpu", {{"index", gpu.index}, {"uuid", gpu.uuid}}}, {"settings", settings}});
    text += (text.empty() ? "" : "\n") + text_of(one.status, settings);
  }
  if (options.json) {
    console.out << to_line({{"schema", kSchema}, {"daemons", std::move(list)}}) << "\n";
  } else {
    console.out << text;
  }
  return ExitCode::kOk;
}

const std::string& help() {
  static const std::string text = help_text();
  return text;
}

}  // namespace

const Verb kSettingsVerb{"settings", "how corund shares its GPU, shown and changed", help(),
                         run_settings};

}  // namespace corun::cli
