#include "cli/bench_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "benchmarking/progress.h"
#include "benchmarking/results_folder.h"
#include "core/environment.h"
#include "core/process.h"

namespace corun::cli {

using namespace benchmarking;

namespace fs = std::filesystem;

namespace {

bool is_program(const std::string& name) {
  std::error_code error;
  if (name.find('/') != std::string::npos) return fs::exists(name, error);
  if (fs::exists(program_dir() / name, error)) return true;
  return find_program(name, environment("PATH").value_or("")).has_value();
}

Result<Json> env_of_run(const fs::path& folder) {
  auto env = read_json_file(folder / kEnvFile);
  if (env && env->is_object() && env->contains("plan")) return env;
  return usage_error(fmt::format("{} holds no run that can be resumed", folder.string()),
                     "give a folder that 'corun bench' has written");
}

// Only workloads with a solo rate can have a bracket drift.
bool all_silent(const Results& results, const std::string& cell) {
  return std::none_of(results.rows.begin(), results.rows.end(), [&](const ResultRow& row) {
    return row.cell == cell && row.throughput.has_value();
  });
}

std::string text_of(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

ModeChoice named_modes(const BenchOptions& options) {
  ModeChoice choice;
  choice.all = modes::all_modes(options.choice);
  for (const auto& mode : choice.all) {
    std::string name(mode->name());
    choice.by_name[name] = mode.get();
    if (mode->takes_turns()) choice.turn_modes.insert(name);
    if (options.all_modes) choice.names.push_back(name);
  }
  if (!options.all_modes) choice.names = options.modes;
  return choice;
}

Result<ModeChoice> choose_modes(const BenchOptions& options, const GpuInfo& gpu) {
  ModeChoice choice = named_modes(options);
  std::vector<std::string> possible;
  for (const std::string& name : choice.names) {
    Status can = choice.by_name.at(name)->can(gpu);
    if (can) {
      possible.push_back(name);
    } else if (options.all_modes) {
      choice.waived.push_back({name, can.error().what});
    } else {
      return unsupported(fmt::format("mode '{}' is not possible here: {}", name, can.error().what),
                         can.error().todo);
    }
  }
  choice.names = std::move(possible);
  if (choice.names.empty()) {
    return unsupported("no sharing mode is possible on this node", "see 'corun doctor'");
  }
  return choice;
}

Status check_commands(const std::vector<Mix>& mixes) {
  for (const Mix& mix : mixes) {
    for (const TenantSpec& tenant : mix.tenants) {
      const std::string& program = tenant.workload.command.front();
      if (is_program(program)) continue;
      return usage_error(
          fmt::format("workload '{}': no program '{}'", tenant.workload.name, program),
          "give a path, or a program in PATH");
    }
  }
  return {};
}

std::string dry_run_text(const Matrix& matrix, const std::vector<WaivedMode>& waived) {
  std::string text = fmt::format("{} cells, about {}\n", matrix.cells.size(),
                                 clock_text(expected_time(matrix, matrix.cells)));
  for (const WaivedMode& mode : waived) {
    text += fmt::format("waived: {}: {}\n", mode.mode, mode.reason);
  }
  size_t width = 4;
  for (const PlannedCell& cell : matrix.cells) width = std::max(width, cell.id.size());
  text += fmt::format("{:<{}}  {:>9}  {:>8}\n", "cell", width, "workloads", "time");
  for (const PlannedCell& cell : matrix.cells) {
    text += fmt::format("{:<{}}  {:>9}  {:>8}\n", cell.id, width, matrix.n_of(cell),
                        clock_text(expected_time(matrix, cell)));
  }
  return text;
}

Json dry_run_json(const Matrix& matrix) {
  Json cells = Json::array();
  for (const PlannedCell& cell : matrix.cells) {
    cells.push_back({{"cell", cell.id},
                     {"mode", cell.mode},
                     {"n", matrix.n_of(cell)},
                     {"rep", cell.rep},
                     {"expected_s", to_seconds(expected_time(matrix, cell))}});
  }
  return {{"plan", plan_to_json(matrix)},
          {"expected_s", to_seconds(expected_time(matrix, matrix.cells))},
          {"order", cells}};
}

std::string new_run_name(const fs::path& out) {
  fs::path last = out.has_filename() ? out.filename() : out.parent_path().filename();
  if (!last.empty() && last != "." && last != "..") return last.string();
  std::string name;
  for (char c : utc_now_rfc3339()) {
    if (c == 'T') name += '-';
    if (c >= '0' && c <= '9') name += c;
  }
  std::string unique = name;
  std::error_code error;
  for (int i = 2; fs::exists(fs::path("corun-results") / unique, error); ++i) {
    unique = fmt::format("{}-{}", name, i);
  }
  return unique;
}

Result<std::vector<std::string>> arguments_of_run(const fs::path& folder) {
  CORUN_ASSIGN(Json env, env_of_run(folder));
  std::vector<std::string> arguments;
  auto found = env.find("arguments");
  if (found == env.end() || !found->is_array()) {
    return usage_error(fmt::format("{}/{} has no arguments", folder.string(), kEnvFile),
                       "repeat the options of the run beside --resume");
  }
  for (const Json& word : *found) {
    if (word.is_string()) arguments.push_back(word.get<std::string>());
  }
  return arguments;
}

Result<ResumedRun> resume_run(const fs::path& folder, const Matrix& matrix, const GpuInfo& gpu) {
  CORUN_ASSIGN(Json env, env_of_run(folder));
  if (auto key = first_difference(plan_to_json(matrix), env["plan"])) {
    return usage_error(
        fmt::format("the plan is not that of {}: '{}' differs", folder.string(), *key),
        "give --resume alone, or the same options as then");
  }
  Json then = env.contains("gpu") && env["gpu"].is_object() ? env["gpu"] : Json::object();
  if (text_of(then, "name") != gpu.name || text_of(then, "driver") != gpu.driver) {
    return usage_error(fmt::format("{} was measured on {} with driver {}", folder.string(),
                                   text_of(then, "name"), text_of(then, "driver")),
                       "resume it there, or start a new run");
  }
  ResumedRun resumed;
  resumed.run = text_of(env, "run");
  std::set<std::string> valid;
  std::error_code error;
  if (fs::exists(folder / kRowsFile, error)) {
    CORUN_ASSIGN(Results results, load_results(folder));
    for (const CellRecord& cell : results.cells) {
      resumed.taken_ids.insert(cell.cell);
      // A cell that was repeated counts under its planned id: "b0.mps.cycle-4.2".
      // One without its second bracket has to run again between two.
      bool settled = cell.mode == "solo" || cell.bracket_drift || all_silent(results, cell.cell);
      if (cell.valid && settled) valid.insert(planned_id(matrix, cell.cell));
    }
  }
  resumed.cells = remaining_cells(matrix, valid);
  return resumed;
}

Result<std::vector<std::string>> cells_without_result(const fs::path& folder,
                                                      const Matrix& matrix) {
  CORUN_ASSIGN(Results results, load_results(folder));
  std::set<std::string> there;
  for (const CellRecord& cell : results.cells) {
    if (cell.valid) there.insert(fmt::format("{} on {}", cell.mode, cell.mix));
  }
  std::vector<std::string> missing;
  for (const Mix& mix : matrix.options.mixes) {
    for (const std::string& mode : matrix.options.modes) {
      std::string pair = fmt::format("{} on {}", mode, mix.name);
      if (!there.contains(pair)) missing.push_back(pair);
    }
  }
  return missing;
}

}  // namespace corun::cli
