// The command line of corun-train as values.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>

#include "core/clock.h"
#include "workloads/training/state/model_spec.h"

namespace corun::training {

struct TrainOptions {
  ModelSpec spec;              ///< with what the user said otherwise
  std::filesystem::path data;  ///< empty: a generated set in a temporary folder
  uint32_t token_bytes = 2;    ///< of a token file
  Device device = Device::kAuto;
  Precision precision = Precision::kAuto;
  int threads = 0;                   ///< 0: LibTorch's choice
  size_t workers = 2;                ///< that make batches
  std::filesystem::path checkpoint;  ///< to write; empty: none
  uint64_t checkpoint_every = 0;     ///< steps; 0: at the end alone
  std::filesystem::path resume;      ///< to go on from; empty: from the beginning
  uint64_t seed = 1;                 ///< of weights and order; a checkpoint has its own
  uint64_t steps = 0;                ///< stand-alone: so many, then end; 0: `duration` counts
  Nanos duration = std::chrono::seconds(10);
};

/// Parses argv (argv[0] is the program). When the user asked for help or the version, prints it and
/// returns nothing. Errors: usage, one line that names the option.
Result<std::optional<TrainOptions>> parse_train_options(int argc, const char* const* argv);

}  // namespace corun::training
