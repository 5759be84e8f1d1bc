#include "workloads/inference/torch/torch_kinds.h"

#include <algorithm>

#include "workloads/inference/models/plain.h"
#include "workloads/inference/torch/script.h"
#include "workloads/inference/torch/torch_model.h"
#include "workloads/inference/torch/torch_text_model.h"

namespace corun::inference {

namespace {

constexpr char kShared[] = "device, dtype, size, graph, seed, threads, workspace";

/// One of `words`; the setting is left out: the first of them.
std::string read_word(Settings& settings, const std::string& key,
                      const std::vector<std::string>& words) {
  std::string word = words.front();
  settings.get(key, word);
  if (std::find(words.begin(), words.end(), word) == words.end()) {
    std::string all;
    for (const std::string& one : words) all += (all.empty() ? "" : ", ") + one;
    settings.fail(key, "'" + word + "' is none of " + all);
  }
  return word;
}

TorchOptions read_torch(Settings& settings, bool graph = true) {
  TorchOptions options;
  uint64_t threads = 0;
  options.device = read_word(settings, "device", {"auto", "cuda", "cpu"});
  options.type = read_word(settings, "dtype", {"auto", "bf16", "fp16", "fp32"});
  options.graph = read_word(settings, "graph",
                            graph ? std::vector<std::string>{"on", "off"}
                                  : std::vector<std::string>{"off", "on"}) == "on";
  settings.get_count("seed", options.seed, 0, INT64_MAX);
  settings.get_count("threads", threads, 0, 1024);
  settings.get_bytes("workspace", options.workspace);
  options.threads = static_cast<int>(threads);
  return options;
}

bool read_tiny(Settings& settings) {
  return read_word(settings, "size", {"full", "tiny"}) == "tiny";
}

using PlanFor = std::function<NetworkPlan(bool tiny, Settings& settings)>;

ModelKind network_kind(std::string name, std::string about, std::string settings,
                       PlanFor plan_for) {
  const std::string platform = "corun_torch_" + name;
  const auto make = [=](const ModelSpec& spec, uint64_t max_batch, Settings& given) {
    const TorchOptions options = read_torch(given);
    const bool tiny = read_tiny(given);
    NetworkPlan plan = plan_for(tiny, given);
    if (max_batch == 0) given.fail("max-batch", "this model has batches: use 1 or more");
    Signature signature{.name = spec.name,
                        .platform = platform,
                        .inputs = plan.inputs,
                        .outputs = plan.outputs,
                        .max_batch = static_cast<int64_t>(max_batch)};
    return make_torch_model(std::move(signature), std::move(plan), options);
  };
  return {.name = std::move(name),
          .about = std::move(about),
          .settings = settings + (settings.empty() ? "" : ", ") + kShared,
          .make = make,
          .takes_defaults = true};
}

ModelKind bert_kind(bool large) {
  return network_kind(large ? "bert-large" : "bert-base",
                      large ? "BERT: 24 layers of 1024" : "BERT: 12 layers of 768",
                      "sequence=N tokens (128)", [large](bool tiny, Settings& settings) {
                        uint64_t sequence = tiny ? 16 : 128;
                        settings.get_count("sequence", sequence, 1, 512);
                        return bert_plan(large, static_cast<int64_t>(sequence), tiny);
                      });
}

ModelKind llama_kind(std::string name, std::string about, const DecoderShape& full) {
  const auto make = [=](const ModelSpec& spec, uint64_t max_batch, Settings& given) {
    const TorchOptions options = read_torch(given);
    DecoderShape shape = full;
    if (read_tiny(given)) {
      shape = {.layers = 2,
               .width = 64,
               .heads = 4,
               .kv_heads = 2,
               .hidden = 96,
               .vocabulary = 256,
               .context = 256};
    }
    auto context = static_cast<uint64_t>(shape.context);
    uint64_t chunk = 512;
    given.get_count("context", context, 16, 131'072);
    given.get_count("chunk", chunk, 1, 131'072);
    shape.context = static_cast<int64_t>(context);
    shape.slots = static_cast<int64_t>(std::max<uint64_t>(max_batch, 1));
    Signature signature{
        .name = spec.name, .platform = "corun_torch_llama", .inputs = {}, .outputs = {}};
    signature.generates = true;
    return make_torch_text_model(std::move(signature), shape, static_cast<int64_t>(chunk), options);
  };
  return {
      .name = std::move(name),
      .about = std::move(about),
      .settings = std::string("context=N tokens of a sequence (4096), chunk=N tokens of a prompt\n"
                              "                  at once (512), ") +
                  kShared,
      .make = make,
      .takes_defaults = true};
}

std::unique_ptr<Model> make_script(const ModelSpec& spec, uint64_t max_batch, Settings& given) {
  // Graphs only where they are asked for: not every file can be captured.
  const TorchOptions options = read_torch(given, /*graph=*/false);
  read_tiny(given);  // a file has one size
  std::string file, inputs;
  given.get("file", file);
  given.get("inputs", inputs);
  ScriptOptions script{
      .file = file, .inputs = {}, .batched = max_batch > 0, .convert = options.type != "auto"};
  if (!inputs.empty()) {
    const auto specs = parse_tensor_specs(inputs, "INPUT");
    if (!specs) given.fail("inputs", specs.error().text());
    if (specs) script.inputs = *specs;
  }
  if (file.empty()) given.fail("file", "it is missing: use --model NAME=FILE.pt");
  if (!given.ok()) return nullptr;
  Result<NetworkPlan> plan = script_plan(script);
  if (!plan) given.fail("file", plan.error().text());
  if (!plan) return nullptr;
  Signature signature{.name = spec.name,
                      .platform = "corun_torch_script",
                      .inputs = plan->inputs,
                      .outputs = plan->outputs,
                      .max_batch = static_cast<int64_t>(max_batch)};
  return make_torch_model(std::move(signature), std::move(*plan), options);
}

ModelKind script_kind() {
  return {
      .name = "torchscript",
      .about = "a TorchScript file: --model NAME=FILE.pt",
      .settings = std::string("inputs=TYPE:SIZExSIZE+... (FILE.json beside it, else FP32:-1), "
                              "graph=on (off),\n                  device, dtype, seed, threads, "
                              "workspace"),
      .make = make_script,
      .file_ending = ".pt",
      .takes_defaults = true};
}

ModelKind dlrm_kind() {
  return network_kind(
      "dlrm", "DLRM: rows of large tables, small perceptrons",
      "tables=N (26), rows=N of a table (1000000),\n"
      "                  width=N of a row (64), lookups=N rows of a table that are added (1)",
      [](bool tiny, Settings& settings) {
        uint64_t tables = tiny ? 3 : 26, rows = tiny ? 100 : 1'000'000;
        uint64_t width = tiny ? 8 : 64, lookups = 1;
        settings.get_count("tables", tables, 1, 1024);
        settings.get_count("rows", rows, 1, uint64_t{1} << 36);
        settings.get_count("width", width, 1, 4096);
        settings.get_count("lookups", lookups, 1, 4096);
        return dlrm_plan({.tables = static_cast<int64_t>(tables),
                          .rows = static_cast<int64_t>(rows),
                          .width = static_cast<int64_t>(width),
                          .lookups = static_cast<int64_t>(lookups)},
                         tiny);
      });
}

ModelKind embedding_kind() {
  return network_kind("embedding", "sums of random rows of one table: reads of DRAM alone",
                      "rows=N (16000000), width=N (128), lookups=N rows that are\n"
                      "                  added (2048)",
                      [](bool tiny, Settings& settings) {
                        uint64_t rows = tiny ? 1000 : 16'000'000, width = tiny ? 8 : 128;
                        uint64_t lookups = tiny ? 16 : 2048;
                        settings.get_count("rows", rows, 1, uint64_t{1} << 36);
                        settings.get_count("width", width, 1, 4096);
                        settings.get_count("lookups", lookups, 1, 1 << 20);
                        return embedding_plan(static_cast<int64_t>(rows),
                                              static_cast<int64_t>(width),
                                              static_cast<int64_t>(lookups));
                      });
}

}  // namespace

std::span<const ModelKind> torch_kinds() {
  static const ModelKind kinds[] = {
      network_kind("resnet50", "ResNet-50: pictures as bytes [224,224,3]", "",
                   [](bool tiny, Settings&) { return resnet50_plan(tiny); }),
      bert_kind(false),
      bert_kind(true),
      network_kind("vit-b16", "ViT-B/16: pictures as bytes [224,224,3]", "",
                   [](bool tiny, Settings&) { return vit_plan(tiny); }),
      network_kind("unet", "a step of a diffusion model: latents [4,64,64], step", "",
                   [](bool tiny, Settings&) { return unet_plan(tiny); }),
      dlrm_kind(),
      embedding_kind(),
      llama_kind("llama-8b", "text: a decoder of 32 layers of 4096, 8 heads of keys", {}),
      llama_kind("llama-1b", "text: a decoder of 16 layers of 2048, 8 heads of keys",
                 {.layers = 16, .width = 2048, .hidden = 8192}),
      script_kind()};
  return kinds;
}

}  // namespace corun::inference
