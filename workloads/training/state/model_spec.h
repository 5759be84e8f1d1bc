// The models that can be trained, in one table.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/result.h"
#include "workloads/training/data/token_set.h"

namespace corun::training {

enum class Device { kAuto, kCpu, kCuda };
/// kBf16: mixed, weights stay in 32 bits; kAuto: it on a GPU.
enum class Precision { kAuto, kFp32, kBf16 };

/// Images: a residual network of bottleneck blocks.
struct ResnetSpec {
  std::array<uint32_t, 4> blocks{};  ///< of each stage
  uint32_t width = 0;                ///< channels after the stem
  uint32_t image_side = 0;           ///< of generated images, as the next two
  uint32_t classes = 0;
  uint32_t images = 0;
};

/// Text: a transformer. kNext: norms before each part, causal; kMasked: norms after, both sides.
struct TransformerSpec {
  Objective objective = Objective::kNext;
  uint32_t layers = 0;
  uint32_t width = 0;
  uint32_t heads = 0;
  uint32_t vocabulary = 0;
  uint32_t sequence = 0;
  uint64_t tokens = 0;  ///< of a generated text
};

struct ModelSpec {
  std::string_view name;
  std::string_view help;
  bool images = false;  ///< `resnet` counts, else `transformer`
  ResnetSpec resnet;
  TransformerSpec transformer;
  uint32_t batch = 0;  ///< unless the user says otherwise, as the next
  double learning_rate = 0;
  uint32_t warmup_steps = 0;  ///< the rate rises linearly over so many
};

std::span<const ModelSpec> model_specs();
/// Errors (usage): there is none of this name; it names those that there are.
Result<ModelSpec> find_model(std::string_view name);

/// Of step number `step`, the first is 0.
double learning_rate_at(double learning_rate, uint32_t warmup_steps, uint64_t step);

}  // namespace corun::training
