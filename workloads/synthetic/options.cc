#include "workloads/synthetic/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <string_view>

#include "core/units.h"

namespace corun::synthetic {

namespace {

constexpr char kAbout[] =
    "Synthetic GPU workloads of known cost and known results, for corun bench.\n"
    "With CORUN_ROWS set it speaks the row protocol; without it runs for --duration and prints a\n"
    "summary.\n\nExample: corun-synthetic infer --rate 200 --duration 5s\n";

constexpr uint32_t kMaxBlocks = 1U << 20;
constexpr double kMaxKernelUs = 10e6;
constexpr uint32_t kMaxItemSteps = 4'000'000'000;

// CLI11 stores into these; text that needs the project's own parsers is converted afterwards.
struct RawOptions {
  CommonOptions common;
  TrainOptions train;
  InferOptions infer;
  NotebookOptions notebook;
  AggressorOptions aggressor;
  ReplayOptions replay;
  NoopOptions noop;
  std::string memory = "0";
  std::string duration = "10s";
  std::string burst = "300ms";
  std::string think = "1s";
  std::string subcommand;
};

const std::map<std::string, StreamPriority> kPriorities = {{"low", StreamPriority::kLow},
                                                           {"default", StreamPriority::kDefault},
                                                           {"high", StreamPriority::kHigh}};
const std::map<std::string, WaitChoice> kWaits = {
    {"auto", WaitChoice::kAuto}, {"spin", WaitChoice::kSpin}, {"block", WaitChoice::kBlock}};
const std::map<std::string, ArrivalProcess> kArrivals = {{"poisson", ArrivalProcess::kPoisson},
                                                         {"constant", ArrivalProcess::kConstant}};
const std::map<std::string, AggressorKind> kAggressors = {
    {"fp32", AggressorKind::kFp32}, {"tensor", AggressorKind::kTensor},
    {"l2", AggressorKind::kL2},     {"dram", AggressorKind::kDram},
    {"pcie", AggressorKind::kPcie}, {"launch", AggressorKind::kLaunch}};

/// An option whose value is one of `values`' keys.
template <typename T>
void add_choice(CLI::App& app, const std::string& name, T& value,
                const std::map<std::string, T>& values, const std::string& about) {
  std::string names;
  for (const auto& [key, unused] : values) names += (names.empty() ? "" : "|") + key;
  app.add_option_function<std::string>(
         name, [&value, &values](const std::string& text) { value = values.at(text); }, about)
      ->check(CLI::IsMember(values).description(""))
      ->type_name(names);
}

CLI::Option* add_micros(CLI::App& app, const std::string& name, double& value,
                        const std::string& about) {
  return app.add_option(name, value, about)
      ->check(CLI::Range(1.0, kMaxKernelUs).description(""))
      ->type_name("US")
      ->capture_default_str();
}

CLI::Option* add_count(CLI::App& app, const std::string& name, uint32_t& value, uint32_t least,
                       uint32_t most, const std::string& about) {
  return app.add_option(name, value, about)
      ->check(CLI::Range(least, most).description(""))
      ->type_name("N")
      ->capture_default_str();
}

void add_common(CLI::App& app, RawOptions& raw, bool gpu) {
  app.add_option("--duration", raw.duration, "window of a stand-alone run")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option("--seed", raw.common.seed, "of the checksum and, stand-alone, of the arrivals")
      ->capture_default_str();
  if (!gpu) return;
  app.add_option("--gpu", raw.common.gpu, "ordinal of the GPU")
      ->check(CLI::Range(0, 1023).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--memory", raw.memory, "device memory to hold besides the work's own")
      ->type_name("SIZE");
  add_choice(app, "--stream-priority", raw.common.priority, kPriorities, "CUDA stream priority");
  add_choice(app, "--wait", raw.common.wait, kWaits,
             "how the host waits: auto polls only on processors given to it");
  app.add_flag("--plant-corruption", raw.common.plant_corruption,
               "write one wrong word per window: the checksum must then fail");
}

void add_train(CLI::App& root, RawOptions& raw) {
  CLI::App& app = *root.add_subcommand("train", "long kernels back to back, in samples/s");
  add_common(app, raw, true);
  TrainOptions& train = raw.train;
  add_micros(app, "--kernel-us", train.kernel_us, "duration of a kernel");
  add_count(app, "--blocks", train.blocks, 0, kMaxBlocks, "blocks of a kernel (0: 8 an SM)");
  add_count(app, "--kernels-per-step", train.kernels_per_step, 1, 4096, "kernels of a step");
  add_count(app, "--samples-per-kernel", train.samples_per_kernel, 1, 1U << 16,
            "samples that a kernel counts for");
  auto* batch =
      app.add_option("--batch-mib", train.batch_mib, "MiB copied to the device before each step")
          ->check(CLI::Range(0.0, 4096.0).description(""))
          ->capture_default_str();
  add_count(app, "--queue-depth", train.queue_depth, 0, 4096,
            "kernels or graphs in flight (0: 20 ms of work)");
  app.add_flag("--graph", train.graph, "launch each step as one CUDA graph")->excludes(batch);
}

void add_infer(CLI::App& root, RawOptions& raw) {
  CLI::App& app = *root.add_subcommand(
      "infer", "requests that arrive on their own (open loop), each a CUDA graph of short kernels");
  add_common(app, raw, true);
  InferOptions& infer = raw.infer;
  auto* rate = app.add_option("--rate", infer.rate, "arrivals per second (default 100)")
                   ->check(CLI::Range(0.01, 1e6).description(""))
                   ->type_name("HZ");
  app.add_option("--load", infer.load, "arrivals as a fraction of the capacity alone")
      ->check(CLI::Range(0.001, 2.0).description(""))
      ->type_name("FRACTION")
      ->excludes(rate);
  add_choice(app, "--arrivals", infer.arrivals, kArrivals, "arrival process (default poisson)");
  add_micros(app, "--request-us", infer.request_us, "duration of a request alone");
  add_count(app, "--kernels", infer.kernels, 1, 10000, "kernels of a request");
  add_count(app, "--blocks", infer.blocks, 0, kMaxBlocks, "blocks of a kernel (0: 1 an SM)");
}

void add_notebook(CLI::App& root, RawOptions& raw) {
  CLI::App& app = *root.add_subcommand(
      "notebook", "cells (bursts of kernels) with think time between them, holding memory");
  add_common(app, raw, true);
  NotebookOptions& notebook = raw.notebook;
  app.add_option("--burst", raw.burst, "median duration of a cell alone")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option("--burst-sigma", notebook.burst.sigma, "its log-normal sigma")
      ->check(CLI::Range(0.0, 3.0).description(""))
      ->capture_default_str();
  app.add_option("--think", raw.think, "median think time")
      ->type_name("TIME")
      ->capture_default_str();
  app.add_option("--think-sigma", notebook.think.sigma, "its log-normal sigma")
      ->check(CLI::Range(0.0, 3.0).description(""))
      ->capture_default_str();
  add_micros(app, "--kernel-us", notebook.kernel_us, "duration of a kernel");
  add_count(app, "--blocks", notebook.blocks, 0, kMaxBlocks, "blocks of a kernel (0: 8 an SM)");
}

void add_aggressor(CLI::App& root, RawOptions& raw) {
  CLI::App& app = *root.add_subcommand("aggressor", "presses on one resource of the GPU");
  add_common(app, raw, true);
  AggressorOptions& aggressor = raw.aggressor;
  app.add_option_function<std::string>(
         "resource",
         [&aggressor](const std::string& text) { aggressor.kind = kAggressors.at(text); },
         "fp32, tensor, l2, dram, pcie or launch")
      ->check(CLI::IsMember(kAggressors).description(""))
      ->type_name("")
      ->required();
  app.add_option("--intensity", aggressor.intensity, "share of the time that it works")
      ->check(CLI::Range(0.01, 1.0).description(""))
      ->capture_default_str();
  add_micros(app, "--kernel-us", aggressor.kernel_us, "duration of a kernel");
  app.add_option("--working-set", aggressor.working_set,
                 "l2: bytes read over and over, as a multiple of the L2 size (default 0.75)")
      ->check(CLI::Range(0.1, 8.0).description(""));
  app.add_option("--transfer-mib", aggressor.transfer_mib,
                 "dram: MiB of source and of target (default 4096); pcie: MiB of one copy "
                 "(default 64)")
      ->check(CLI::Range(1.0, 32768.0).description(""));
}

void add_replay(CLI::App& root, RawOptions& raw) {
  CLI::App& app = *root.add_subcommand(
      "replay", "the kernels, copies and gaps of a recorded model (docs/profiles.md)");
  add_common(app, raw, true);
  ReplayOptions& replay = raw.replay;
  app.add_option("profile", replay.profile, "a recording's file, or a name of those with corun")
      ->type_name("FILE|NAME")
      ->required();
  auto* graph = app.add_flag_callback(
      "--graph", [&replay] { replay.launch = ReplayLaunch::kGraph; },
      "launch the kernels of a step as one CUDA graph (default: as recorded)");
  app.add_flag_callback(
         "--eager", [&replay] { replay.launch = ReplayLaunch::kEager; },
         "launch each kernel when the recorded host did")
      ->excludes(graph);
  app.add_flag("--merge", replay.merge, "join kernels of like size in a row");
  auto* rate = app.add_option("--rate", replay.rate, "inference: arrivals per second")
                   ->check(CLI::Range(0.01, 1e6).description(""))
                   ->type_name("HZ");
  auto* load =
      app.add_option("--load", replay.load, "inference: arrivals, as a fraction of the capacity")
          ->check(CLI::Range(0.001, 2.0).description(""))
          ->type_name("FRACTION")
          ->excludes(rate);
  app.add_flag("--closed", replay.closed, "inference: one request after the other (default)")
      ->excludes(rate)
      ->excludes(load);
  add_choice(app, "--arrivals", replay.arrivals, kArrivals, "arrival process (default poisson)");
}

void add_noop(CLI::App& root, RawOptions& raw) {
  CLI::App& app =
      *root.add_subcommand("noop", "no GPU: short items on the processor, to measure the harness");
  add_common(app, raw, false);
  auto* length = app.add_option("--item-us", raw.noop.item_us, "processor time of an item")
                     ->check(CLI::Range(10.0, kMaxKernelUs).description(""))
                     ->type_name("US")
                     ->capture_default_str();
  app.add_option("--item-steps", raw.noop.item_steps,
                 "steps of an item instead: the same work in every process")
      ->check(CLI::Range(1U, kMaxItemSteps).description(""))
      ->type_name("N")
      ->excludes(length);
}

Status convert(RawOptions& raw) {
  CORUN_ASSIGN(raw.common.memory_bytes, parse_bytes(raw.memory));
  CORUN_ASSIGN(raw.common.duration, parse_duration(raw.duration));
  CORUN_ASSIGN(raw.notebook.burst.median, parse_duration(raw.burst));
  CORUN_ASSIGN(raw.notebook.think.median, parse_duration(raw.think));
  if (raw.common.duration <= Nanos(0)) {
    return usage_error("--duration must be above 0", "for example --duration 10s");
  }
  if (raw.notebook.burst.median <= Nanos(0)) {
    return usage_error("--burst must be above 0", "for example --burst 300ms");
  }
  if (raw.infer.rate == 0 && raw.infer.load == 0) raw.infer.rate = 100;
  return {};
}

Options chosen(const RawOptions& raw) {
  if (raw.subcommand == "train") return {raw.common, raw.train};
  if (raw.subcommand == "infer") return {raw.common, raw.infer};
  if (raw.subcommand == "notebook") return {raw.common, raw.notebook};
  if (raw.subcommand == "aggressor") return {raw.common, raw.aggressor};
  if (raw.subcommand == "replay") return {raw.common, raw.replay};
  return {raw.common, raw.noop};
}

}  // namespace

Result<std::optional<Options>> parse_options(int argc, const char* const* argv) {
  RawOptions raw;
  CLI::App app(kAbout, "corun-synthetic");
  app.set_version_flag("--version", std::string("corun-synthetic ") + CORUN_VERSION);
  app.require_subcommand(1);
  add_train(app, raw);
  add_infer(app, raw);
  add_notebook(app, raw);
  add_aggressor(app, raw);
  add_replay(app, raw);
  add_noop(app, raw);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    app.exit(help);
    return std::optional<Options>();
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "see corun-synthetic --help");
  }
  raw.subcommand = app.get_subcommands().front()->get_name();
  CORUN_TRY(convert(raw));
  return std::optional<Options>(chosen(raw));
}

}  // namespace corun::synthetic
