// An invented run for tests of tables and reports: trainings and inferences that share a GPU under
// three modes. Everything is drawn from a seed; nothing is measured.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "benchmarking/results_folder.h"

namespace corun::benchmarking {

struct SampleOptions {
  int repetitions = 5;
  std::vector<int> sizes{2};  ///< workloads per mix: train, infer, train, ...
  double slowdown = 1.0;      ///< divides the rates of all shared cells
  uint64_t seed = 1;
  std::string run = "sample";
  bool with_void_cell = false;
};

struct SampleRun {
  Results results;
  struct Samples {
    std::string cell;
    std::string workload;
    RequestSamples requests;
  };
  std::vector<Samples> samples;
};

SampleRun sample_run(const SampleOptions& options);
/// Writes the folder of such a run. `folder` must exist.
Status write_sample_run(const SampleOptions& options, const std::filesystem::path& folder);

}  // namespace corun::benchmarking
