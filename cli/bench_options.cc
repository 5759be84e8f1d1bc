#include "cli/bench_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/arguments.h"
#include "cli/run_options.h"
#include "core/nearest.h"
#include "core/units.h"
#include "modes/mode.h"

namespace corun::cli {

using benchmarking::Mix;
using benchmarking::TenantSpec;

namespace {

constexpr int kMaxWorkloads = 64;
constexpr int kMaxReps = 1000;
constexpr Nanos kMinDuration = std::chrono::milliseconds(200);
constexpr Nanos kMaxDuration = std::chrono::hours(24);
constexpr int kDefaultWorkloads = 4;
constexpr int kDefaultReps = 5;

// As typed.
struct Raw {
  std::string gpu = "auto", mode = "all", workloads, duration, reps, seed = "1", ready_after,
              policy, linger, quantum, slices;
  std::vector<std::string> mixes, tenants;
};

std::vector<std::filesystem::path> mix_folders() { return {program_dir().parent_path() / "mixes"}; }

Result<std::vector<Mix>> base_mixes(const Raw& raw) {
  std::vector<Mix> mixes;
  for (const std::string& list : raw.mixes) {
    for (const std::string& name : split_list(list)) {
      CORUN_ASSIGN(Mix mix, benchmarking::find_mix(name, mix_folders()));
      auto same = [&](const Mix& other) { return other.name == mix.name; };
      if (std::any_of(mixes.begin(), mixes.end(), same)) {
        return usage_error(fmt::format("mix '{}' is given twice", mix.name), "name each once");
      }
      mixes.push_back(std::move(mix));
    }
  }
  return mixes;
}

Result<std::vector<TenantSpec>> tenants_of(const Raw& raw) {
  std::optional<Nanos> ready_after;
  if (!raw.ready_after.empty()) {
    auto parsed = parse_duration(raw.ready_after);
    if (!parsed) {
      return usage_error(fmt::format("--ready-after: {}", parsed.error().what),
                         parsed.error().todo);
    }
    ready_after = *parsed;
  }
  std::vector<TenantSpec> tenants;
  for (const std::string& argument : raw.tenants) {
    CORUN_ASSIGN(TenantSpec tenant, benchmarking::tenant_from_argument(argument, ready_after));
    auto same = [&](const TenantSpec& t) { return t.workload.name == tenant.workload.name; };
    if (std::any_of(tenants.begin(), tenants.end(), same)) {
      return usage_error(fmt::format("two --tenant are named '{}'", tenant.workload.name),
                         "give each its own name");
    }
    tenants.push_back(std::move(tenant));
  }
  return tenants;
}

Mix with_tenants(Mix mix, const std::vector<TenantSpec>& tenants) {
  for (const TenantSpec& tenant : tenants) {
    std::erase_if(mix.tenants,
                  [&](const TenantSpec& t) { return t.workload.name == tenant.workload.name; });
    mix.tenants.push_back(tenant);
  }
  return mix;
}

Result<std::vector<Mix>> mixes_of(const Raw& raw, bool quick) {
  CORUN_ASSIGN(std::vector<Mix> base, base_mixes(raw));
  CORUN_ASSIGN(std::vector<TenantSpec> tenants, tenants_of(raw));
  if (!base.empty() && !tenants.empty()) {
    return usage_error("--tenant and --mix exclude each other",
                       "add the command to the mix file instead");
  }
  std::vector<int> counts;
  if (!raw.workloads.empty()) {
    CORUN_ASSIGN(counts, parse_numbers("--workloads", raw.workloads, 1, kMaxWorkloads));
  }
  std::vector<Mix> mixes;
  if (base.empty() && tenants.empty() && counts.empty()) counts = {kDefaultWorkloads};
  if (base.empty()) {
    for (int n : counts) {
      Mix mix = benchmarking::cycle_mix(n, quick);
      if (!tenants.empty()) mix.name += "-and-tenants";
      mixes.push_back(with_tenants(std::move(mix), tenants));
    }
    if (counts.empty()) {
      mixes.push_back({.name = "tenants", .description = "from --tenant", .tenants = tenants});
    }
    return mixes;
  }
  if (counts.empty()) return base;
  for (const Mix& mix : base) {
    for (int n : counts) mixes.push_back(benchmarking::repeated(mix, n));
  }
  return mixes;
}

Status read_modes(const Raw& raw, BenchOptions& options) {
  if (raw.mode == "all") return {};
  options.all_modes = false;
  options.modes = split_list(raw.mode);
  if (options.modes.empty()) return usage_error("--mode needs a mode", "use 'all' or a name");
  std::vector<std::unique_ptr<modes::Mode>> known = modes::all_modes();
  std::vector<std::string_view> names{"all"};
  for (const auto& mode : known) names.push_back(mode->name());
  std::vector<std::string> seen;
  for (const std::string& mode : options.modes) {
    if (std::find(names.begin() + 1, names.end(), mode) == names.end()) {
      auto near = nearest(mode, names);
      return usage_error(fmt::format("unknown mode '{}'", mode),
                         near ? fmt::format("did you mean '{}'?", *near)
                              : fmt::format("use {}", fmt::join(names, ", ")));
    }
    if (std::find(seen.begin(), seen.end(), mode) != seen.end()) {
      return usage_error(fmt::format("mode '{}' is given twice", mode), "name each once");
    }
    seen.push_back(mode);
  }
  return {};
}

Status read_numbers(const Raw& raw, BenchOptions& options) {
  if (!raw.duration.empty()) {
    auto duration = parse_duration(raw.duration);
    if (!duration) {
      return usage_error(fmt::format("--duration: {}", duration.error().what),
                         duration.error().todo);
    }
    if (*duration < kMinDuration || *duration > kMaxDuration) {
      return usage_error(fmt::format("--duration {} is not a measured window", raw.duration),
                         "use 200ms to 24h");
    }
    options.duration = *duration;
  }
  if (!raw.reps.empty()) {
    CORUN_ASSIGN(std::vector<int> reps, parse_numbers("--reps", raw.reps, 1, kMaxReps));
    if (reps.size() != 1) return usage_error("--reps takes one number");
    options.reps = reps.front();
  }
  CORUN_ASSIGN(std::vector<int> seed, parse_numbers("--seed", raw.seed, 0, 2147483647));
  if (seed.size() != 1) return usage_error("--seed takes one number");
  options.seed = static_cast<uint64_t>(seed.front());
  return {};
}

}  // namespace

Result<BenchOptions> parse_bench_options(std::span<const std::string> arguments) {
  BenchOptions options;
  Raw raw;
  std::string out, resume;
  CLI::App app;
  CLI::Option* plan[] = {
      app.add_option("--mode", raw.mode),
      app.add_option("--workloads", raw.workloads),
      app.add_option("--mix", raw.mixes)->expected(1)->take_all(),
      app.add_option("--tenant", raw.tenants)->expected(1)->take_all(),
      app.add_option("--ready-after", raw.ready_after),
      app.add_option("--duration", raw.duration),
      app.add_option("--reps", raw.reps),
      app.add_option("--seed", raw.seed),
      app.add_option("--policy", raw.policy),
      app.add_option("--linger-us", raw.linger),
      app.add_option("--quantum", raw.quantum),
      app.add_option("--slices", raw.slices),
      app.add_flag("--quick", options.quick),
      app.add_option("--gpu", raw.gpu),
      app.add_option("--device", options.device)->check(CLI::Range(0, 63)),
  };
  app.add_flag("--dry-run", options.dry_run);
  app.add_flag("--json", options.json);
  app.add_option("--out", out);
  app.add_option("--resume", resume);
  CORUN_TRY(parse_arguments(app, "bench", arguments));
  for (const CLI::Option* option : plan) options.plan_given |= option->count() > 0;
  options.out = out;
  options.resume = resume;
  if (!out.empty() && !resume.empty()) {
    return usage_error("--out and --resume exclude each other", "--resume goes on in its folder");
  }
  CORUN_ASSIGN(options.node, parse_node_choice(raw.gpu));
  CORUN_TRY(read_modes(raw, options));
  CORUN_TRY(read_numbers(raw, options));
  CORUN_ASSIGN(options.choice,
               parse_daemon_choice(raw.policy, raw.linger, raw.quantum, raw.slices));
  CORUN_ASSIGN(options.mixes, mixes_of(raw, options.quick));
  return options;
}

benchmarking::MatrixOptions matrix_options(const BenchOptions& options,
                                           std::vector<std::string> modes,
                                           std::set<std::string> turn_modes) {
  benchmarking::MatrixOptions result;
  result.modes = std::move(modes);
  result.turn_modes = std::move(turn_modes);
  result.mixes = options.mixes;
  result.reps = options.reps.value_or(options.quick ? 1 : kDefaultReps);
  result.seed = options.seed;
  result.quick = options.quick;
  if (options.quick) result.windows = benchmarking::Windows::quick();
  if (options.duration) {
    result.windows.window = *options.duration;
    result.windows.min_turn = std::min(result.windows.min_turn, *options.duration);
  }
  return result;
}

}  // namespace corun::cli
