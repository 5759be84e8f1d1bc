#include "engine/daemon/options.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <map>

#include "core/units.h"
#include "engine/client/run_dir.h"

namespace corun::daemon {

namespace {

constexpr char kHelp[] =
    R"(corund: lets workloads share one GPU: time slices, gates, quotas. One per GPU.

usage: corund --gpu UUID|INDEX [options]

  --gpu GPU            index, UUID or PCI bus of the GPU to govern (default 0)
  --run-dir DIR        sockets and state (default: CORUN_RUN_DIR, /run/corun for root,
                       $XDG_RUNTIME_DIR/corun, /tmp/corun-UID)
  --policy POLICY      priority (default), fair, quota, deadline, rotate, none
  --backend BACKEND    slices (default), or mps: all workloads are MPS clients
  --slices CHOICE      auto (default): use time slices if they were measured to act here;
                       yes: use them, proven or not; no
  --context-switches CHOICE  auto (default): measure GPU time by the driver's record of
                       context switches, where it can be read; no: estimate it
  --linger-us N        how long the GPU is kept after a burst (default: learned, at most 200)
  --quantum TIME       all turns together, e.g. 40ms (default)
  --max-burst TIME     a gate that is closed for longer is opened by force (default 100ms)
  --park-idle TIME     a workload without GPU calls for so long may be parked when memory is
                       short (default 60s; 0s: never)
  --memory-reserve SIZE
                       less than this free is short (default 512MiB)
  --memory-wait TIME   an allocation waits so long for memory that parking makes free
                       (default 30s; 0s: not at all; under rotate it waits for its turn)
  --memory-capacity SIZE
                       of the GPU's memory, what workloads may use (default: all)
  --state FILE         settings that survive a restart (default: state.json beside the sockets)
  --replace            take the place of the GPU's running corund: it ends first, and its
                       workloads join this one
  --foreground         do not go to the background
  --idle-exit[=TIME]   end when no workload has been there for TIME (default 60s)
  --ready-fd N         write "ready" to this descriptor once workloads can join
  --self-test          measure whether time slices act on this GPU, keep the result, and end

example: corund --gpu 0 --policy fair --foreground
exit codes: 0 ok, 1 failed (also: the GPU has a daemon already), 2 usage, 3 not supported here
)";

const std::map<std::string, SlicesChoice> kSlices = {
    {"auto", SlicesChoice::kAuto}, {"yes", SlicesChoice::kYes}, {"no", SlicesChoice::kNo}};

/// The texts of options that are read further.
struct Texts {
  std::string policy, backend = "slices", slices = "auto", switches = "auto", quantum, max_burst,
                      idle_exit, run_dir, state, park_idle, memory_wait, memory_reserve,
                      memory_capacity;
};

Status read_duration(const char* option, const std::string& text, Nanos low, Nanos high,
                     std::optional<Nanos>* out) {
  if (text.empty()) return {};
  CORUN_ASSIGN(const Nanos value, parse_duration(text));
  if (value < low || value > high) {
    return usage_error(fmt::format("{} {} is out of range", option, text),
                       fmt::format("use {} to {}", format_duration(low), format_duration(high)));
  }
  *out = value;
  return {};
}

Status read_bytes(const std::string& text, std::optional<uint64_t>* out) {
  if (text.empty()) return {};
  CORUN_ASSIGN(*out, parse_bytes(text));
  return {};
}

Status read_memory_texts(const Texts& texts, Options& options) {
  using std::chrono::hours;
  using std::chrono::seconds;
  CORUN_TRY(read_duration("--park-idle", texts.park_idle, Nanos(0), hours(24), &options.park_idle));
  const bool never = options.park_idle == Nanos(0);
  if (options.park_idle && !never && *options.park_idle < seconds(1)) {
    return usage_error("--park-idle " + texts.park_idle + " is out of range",
                       "use 1 s to 24 h, or 0s");
  }
  CORUN_TRY(
      read_duration("--memory-wait", texts.memory_wait, Nanos(0), hours(1), &options.memory_wait));
  CORUN_TRY(read_bytes(texts.memory_reserve, &options.memory_reserve));
  return read_bytes(texts.memory_capacity, &options.memory_capacity);
}

Status read_texts(const Texts& texts, Options& options) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  if (!texts.policy.empty()) {
    CORUN_ASSIGN(options.policy, policy::parse_policy_kind(texts.policy));
  }
  if (texts.backend != "slices" && texts.backend != "mps") {
    return usage_error("unknown backend '" + texts.backend + "'", "use slices or mps");
  }
  options.mps = texts.backend == "mps";
  const auto slices = kSlices.find(texts.slices);
  if (slices == kSlices.end()) {
    return usage_error("unknown choice --slices " + texts.slices, "use auto, yes or no");
  }
  options.slices = slices->second;
  if (texts.switches != "auto" && texts.switches != "no") {
    return usage_error("unknown choice --context-switches " + texts.switches, "use auto or no");
  }
  options.context_switches = texts.switches == "auto";
  CORUN_TRY(
      read_duration("--quantum", texts.quantum, milliseconds(1), minutes(1), &options.quantum));
  CORUN_TRY(read_duration("--max-burst", texts.max_burst, milliseconds(1), minutes(1),
                          &options.max_burst));
  CORUN_TRY(read_duration("--idle-exit", texts.idle_exit, milliseconds(1), hours(24),
                          &options.idle_exit));
  CORUN_TRY(read_memory_texts(texts, options));
  options.run_dir =
      texts.run_dir.empty() ? client::default_run_dir() : std::filesystem::path(texts.run_dir);
  options.state_file = texts.state;
  return {};
}

}  // namespace

Result<std::optional<Options>> parse_options(int argc, const char* const* argv) {
  Options options;
  Texts texts;
  bool help = false;
  bool version = false;
  CLI::App app;
  app.set_help_flag();
  app.add_flag("--help,-h", help);
  app.add_flag("--version", version);
  app.add_option("--gpu", options.gpu);
  app.add_option("--run-dir", texts.run_dir);
  app.add_option("--policy", texts.policy);
  app.add_option("--backend", texts.backend);
  app.add_option("--slices", texts.slices);
  app.add_option("--context-switches", texts.switches);
  app.add_option("--linger-us", options.linger_us)->check(CLI::Range(0, 100'000));
  app.add_option("--quantum", texts.quantum);
  app.add_option("--max-burst", texts.max_burst);
  app.add_option("--park-idle", texts.park_idle);
  app.add_option("--memory-reserve", texts.memory_reserve);
  app.add_option("--memory-wait", texts.memory_wait);
  app.add_option("--memory-capacity", texts.memory_capacity);
  app.add_option("--state", texts.state);
  app.add_flag("--foreground", options.foreground);
  app.add_flag("--replace", options.replace);
  app.add_flag("--idle-exit{60s}", texts.idle_exit);
  app.add_option("--ready-fd", options.ready_fd)->check(CLI::Range(0, 1 << 20));
  app.add_flag("--self-test", options.self_test);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "see corund --help");
  }
  if (help) fmt::print("{}", kHelp);
  if (version && !help) fmt::print("corund {}\n", CORUN_VERSION);
  if (help || version) return std::optional<Options>();
  CORUN_TRY(read_texts(texts, options));
  return std::optional(std::move(options));
}

}  // namespace corun::daemon
