// The command line of corun-synthetic as values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "core/clock.h"
#include "core/result.h"
#include "workloads/synthetic/schedule.h"
#include "workloads/tenant/waiting.h"

namespace corun::synthetic {

enum class StreamPriority { kLow, kDefault, kHigh };
using tenant::WaitChoice;
enum class AggressorKind { kFp32, kTensor, kL2, kDram, kPcie, kLaunch };

struct CommonOptions {
  int gpu = 0;                ///< ordinal among the GPUs that this process sees
  uint64_t memory_bytes = 0;  ///< device memory held besides what the work needs
  uint64_t seed = 1;          ///< of the checksum's state, and of a stand-alone run's arrivals
  Nanos duration = std::chrono::seconds(10);  ///< stand-alone: length of the window
  StreamPriority priority = StreamPriority::kDefault;
  WaitChoice wait = WaitChoice::kAuto;
  bool plant_corruption = false;  ///< write one wrong word into the state in each window
};

struct TrainOptions {
  double kernel_us = 1000;
  uint32_t blocks = 0;  ///< 0: eight for each SM
  uint32_t kernels_per_step = 8;
  uint32_t samples_per_kernel = 4;
  double batch_mib = 0;      ///< copied to the device before each step
  uint32_t queue_depth = 0;  ///< kernels (or graphs) in flight; 0: 20 ms of work, 2 to 256
  bool graph = false;        ///< each step is one launch of a CUDA graph
};

struct InferOptions {
  double rate = 0;  ///< requests/s; 0: from `load`
  double load = 0;  ///< of the capacity measured in the warm-up
  ArrivalProcess arrivals = ArrivalProcess::kPoisson;
  double request_us = 600;
  uint32_t kernels = 20;
  uint32_t blocks = 0;  ///< 0: one for each SM
};

struct NotebookOptions {
  LogNormal burst{std::chrono::milliseconds(300), 0.8};
  LogNormal think{std::chrono::seconds(1), 1.0};
  double kernel_us = 500;
  uint32_t blocks = 0;  ///< 0: eight for each SM
};

struct AggressorOptions {
  AggressorKind kind = AggressorKind::kFp32;
  double intensity = 1;     ///< share of time, above 0 and up to 1
  double kernel_us = 500;   ///< fp32, tensor, l2, dram
  double working_set = 0;   ///< l2: multiple of the L2 size; 0: 0.75
  double transfer_mib = 0;  ///< dram: size of the copied buffer (0: 4096); pcie: of a copy (0: 64)
};

enum class ReplayLaunch { kAsRecorded, kGraph, kEager };

struct ReplayOptions {
  std::string profile;  ///< a file, or a name among the profiles that come with corun
  ReplayLaunch launch = ReplayLaunch::kAsRecorded;
  bool merge = false;
  bool closed = false;  ///< one request after the other; so without rate and load too
  double rate = 0;      ///< requests/s; 0: from `load`
  double load = 0;      ///< of the capacity measured in the warm-up
  ArrivalProcess arrivals = ArrivalProcess::kPoisson;
};

struct NoopOptions {
  double item_us = 100;     ///< processor time of one item
  uint32_t item_steps = 0;  ///< work of one item, the same in every process; 0: fitted to item_us
};

using WorkOptions = std::variant<TrainOptions, InferOptions, NotebookOptions, AggressorOptions,
                                 ReplayOptions, NoopOptions>;

struct Options {
  CommonOptions common;
  WorkOptions work;
};

/// Parses argv (argv[0] is the program). When the user asked for help or the version, prints it and
/// returns nothing. Errors (usage): one line that names the option.
Result<std::optional<Options>> parse_options(int argc, const char* const* argv);

}  // namespace corun::synthetic
