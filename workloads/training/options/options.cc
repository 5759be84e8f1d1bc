#include "workloads/training/options/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "core/units.h"

namespace corun::training {

namespace {

constexpr char kHelpHead[] =
    R"(corun-train: trains a model on one device with LibTorch.

usage: corun-train --model M [options]

models:
)";
constexpr char kHelpOptions[] = R"(
  --data PATH           image models: a file of corun's own format, or binary CIFAR-10 or CIFAR-100
                        (a file or its folder); text: a file of tokens, little endian, no header.
                        Default: a generated set in a temporary folder
  --token-bytes 2|4     of a token file (default 2)
  --batch N             samples of a step (default: the model's)
  --sequence N          text: tokens of a sample, at most the model's (default: the model's)
  --image-size N        side of generated images (default: the model's)
  --device auto|cpu|cuda  default auto: cuda where LibTorch has a GPU
  --precision fp32|bf16 bf16: mixed, by autocast (default: bf16 on cuda, fp32 on cpu)
  --learning-rate X     default: the model's
  --workers N           threads that make batches (default 2)
  --threads N           processors of a model on the cpu (default: LibTorch's choice)
  --checkpoint FILE     write the state at the end of --steps, as safetensors, and
  --checkpoint-every N  after each N steps
  --resume FILE         go on from a checkpoint: its seed, its place in the data
  --steps N             stand-alone: N steps, their losses, then end
  --duration TIME       stand-alone, without --steps: window after a warm-up (default 10s)
  --seed N              of weights and order (default 1)

With CORUN_ROWS set it speaks the row protocol; without it runs for --steps or --duration.

example: corun-train --model gpt-tiny --steps 50 --checkpoint gpt.safetensors
exit codes: 0 ok, 1 failed, 2 usage, 3 not supported here
)";

void print_help() {
  fmt::print("{}", kHelpHead);
  for (const ModelSpec& spec : model_specs()) fmt::print("  {:<12} {}\n", spec.name, spec.help);
  fmt::print("{}", kHelpOptions);
}

const std::map<std::string, Device> kDevices = {
    {"auto", Device::kAuto}, {"cpu", Device::kCpu}, {"cuda", Device::kCuda}};

/// The texts of options that are read further, and numbers where 0 means the model's.
struct Texts {
  std::string model, device = "auto", precision, duration;
  uint32_t batch = 0, sequence = 0, image_side = 0;
  double learning_rate = 0;
};

Status read_model(const Texts& texts, TrainOptions& options) {
  if (texts.model.empty()) return usage_error("no --model is given", "see corun-train --help");
  CORUN_ASSIGN(ModelSpec spec, find_model(texts.model));
  if (texts.batch > 0) spec.batch = texts.batch;
  if (texts.learning_rate > 0) spec.learning_rate = texts.learning_rate;
  if (texts.image_side > 0) spec.resnet.image_side = texts.image_side;
  if (texts.sequence > 0) {
    if (spec.images || texts.sequence > spec.transformer.sequence) {
      return usage_error(
          fmt::format("--sequence {} is more than {} takes", texts.sequence, spec.name));
    }
    spec.transformer.sequence = texts.sequence;
  }
  options.spec = spec;
  return {};
}

Status read_texts(const Texts& texts, TrainOptions& options) {
  CORUN_TRY(read_model(texts, options));
  const auto device = kDevices.find(texts.device);
  if (device == kDevices.end()) {
    return usage_error("there is no device '" + texts.device + "'", "use auto, cpu or cuda");
  }
  options.device = device->second;
  if (!texts.precision.empty() && texts.precision != "fp32" && texts.precision != "bf16") {
    return usage_error("there is no precision '" + texts.precision + "'", "use fp32 or bf16");
  }
  if (!texts.precision.empty()) {
    options.precision = texts.precision == "bf16" ? Precision::kBf16 : Precision::kFp32;
  }
  if (options.token_bytes != 2 && options.token_bytes != 4) {
    return usage_error("--token-bytes is neither 2 nor 4");
  }
  if (options.checkpoint.empty() && options.checkpoint_every > 0) {
    return usage_error("--checkpoint-every without --checkpoint", "say where with --checkpoint");
  }
  if (texts.duration.empty()) return {};
  CORUN_ASSIGN(options.duration, parse_duration(texts.duration));
  if (options.duration > Nanos(0)) return {};
  return usage_error("--duration " + texts.duration + " is out of range");
}

void add_options(CLI::App& app, TrainOptions& options, Texts& texts) {
  const CLI::Range many(1, 1'000'000'000);
  app.add_option("--model", texts.model);
  app.add_option("--data", options.data);
  app.add_option("--token-bytes", options.token_bytes);
  app.add_option("--batch", texts.batch)->check(CLI::Range(1, 65'536));
  app.add_option("--sequence", texts.sequence)->check(CLI::Range(1, 1'000'000));
  app.add_option("--image-size", texts.image_side)->check(CLI::Range(8, 1024));
  app.add_option("--device", texts.device);
  app.add_option("--precision", texts.precision);
  app.add_option("--learning-rate", texts.learning_rate)->check(CLI::Range(1e-9, 100.0));
  app.add_option("--workers", options.workers)->check(CLI::Range(1, 256));
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 1024));
  app.add_option("--checkpoint", options.checkpoint);
  app.add_option("--checkpoint-every", options.checkpoint_every)->check(many);
  app.add_option("--resume", options.resume);
  app.add_option("--steps", options.steps)->check(many);
  app.add_option("--duration", texts.duration);
  app.add_option("--seed", options.seed);
}

}  // namespace

Result<std::optional<TrainOptions>> parse_train_options(int argc, const char* const* argv) {
  TrainOptions options;
  Texts texts;
  CLI::App app("", "corun-train");
  app.set_help_flag();
  bool help = false;
  app.add_flag("-h,--help", help);
  app.set_version_flag("--version", std::string("corun-train ") + CORUN_VERSION);
  add_options(app, options, texts);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    app.exit(asked);
    return std::optional<TrainOptions>();
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), "see corun-train --help");
  }
  if (help) {
    print_help();
    return std::optional<TrainOptions>();
  }
  CORUN_TRY(read_texts(texts, options));
  return std::optional<TrainOptions>(std::move(options));
}

}  // namespace corun::training
