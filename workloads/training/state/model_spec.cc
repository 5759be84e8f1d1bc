#include "workloads/training/state/model_spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace corun::training {

namespace {

constexpr ModelSpec kSpecs[] = {
    {.name = "resnet50",
     .help = "ResNet-50, 224x224 images, SGD with momentum",
     .images = true,
     .resnet =
         {.blocks = {3, 4, 6, 3}, .width = 64, .image_side = 224, .classes = 1000, .images = 2048},
     .transformer = {},
     .batch = 32,
     .learning_rate = 0.0125,
     .warmup_steps = 0},
    {.name = "gpt2",
     .help = "GPT-2 small: 12 layers of 768, 1024 tokens, AdamW",
     .images = false,
     .resnet = {},
     .transformer = {.objective = Objective::kNext,
                     .layers = 12,
                     .width = 768,
                     .heads = 12,
                     .vocabulary = 50304,
                     .sequence = 1024,
                     .tokens = 8'000'000},
     .batch = 8,
     .learning_rate = 6e-4,
     .warmup_steps = 100},
    {.name = "bert",
     .help = "BERT base: 12 layers of 768, 128 tokens, masked, AdamW",
     .images = false,
     .resnet = {},
     .transformer = {.objective = Objective::kMasked,
                     .layers = 12,
                     .width = 768,
                     .heads = 12,
                     .vocabulary = 30522,
                     .sequence = 128,
                     .tokens = 4'000'000},
     .batch = 32,
     .learning_rate = 1e-4,
     .warmup_steps = 100},
    {.name = "resnet-tiny",
     .help = "the same network with few channels, 32x32 images: for a processor",
     .images = true,
     .resnet = {.blocks = {1, 1, 1, 1}, .width = 8, .image_side = 32, .classes = 10, .images = 512},
     .transformer = {},
     .batch = 16,
     .learning_rate = 0.02,
     .warmup_steps = 0},
    {.name = "gpt-tiny",
     .help = "2 layers of 64, 64 tokens",
     .images = false,
     .resnet = {},
     .transformer = {.objective = Objective::kNext,
                     .layers = 2,
                     .width = 64,
                     .heads = 4,
                     .vocabulary = 256,
                     .sequence = 64,
                     .tokens = 65'536},
     .batch = 8,
     .learning_rate = 3e-3,
     .warmup_steps = 4},
    {.name = "bert-tiny",
     .help = "2 layers of 64, 64 tokens, masked",
     .images = false,
     .resnet = {},
     .transformer = {.objective = Objective::kMasked,
                     .layers = 2,
                     .width = 64,
                     .heads = 4,
                     .vocabulary = 256,
                     .sequence = 64,
                     .tokens = 65'536},
     .batch = 8,
     .learning_rate = 3e-3,
     .warmup_steps = 4},
};

}  // namespace

std::span<const ModelSpec> model_specs() { return kSpecs; }

Result<ModelSpec> find_model(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ModelSpec& spec : kSpecs) {
    if (spec.name == name) return spec;
    names.push_back(spec.name);
  }
  return usage_error(fmt::format("there is no model '{}'", name),
                     fmt::format("use one of {}", fmt::join(names, ", ")));
}

double learning_rate_at(double learning_rate, uint32_t warmup_steps, uint64_t step) {
  if (step >= warmup_steps) return learning_rate;
  return learning_rate * static_cast<double>(step + 1) / warmup_steps;
}

}  // namespace corun::training
