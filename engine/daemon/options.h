// The command line of corund as values.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "engine/policy/policy.h"

namespace corun::daemon {

enum class SlicesChoice { kAuto, kYes, kNo };

struct Options {
  std::string gpu = "0";  ///< UUID, index or PCI bus
  std::filesystem::path run_dir;
  std::optional<policy::PolicyKind> policy;
  bool mps = false;
  SlicesChoice slices = SlicesChoice::kAuto;
  bool context_switches = true;  ///< read them, where the driver tells them
  std::optional<uint32_t> linger_us;
  std::optional<Nanos> quantum;
  std::optional<Nanos> max_burst;
  std::optional<Nanos> park_idle;
  std::optional<Nanos> memory_wait;
  std::optional<uint64_t> memory_reserve;
  std::optional<uint64_t> memory_capacity;
  std::filesystem::path state_file;  ///< empty: in the GPU's folder of the run dir
  bool foreground = false;
  bool replace = false;            ///< end the running daemon of this GPU and run dir first
  std::optional<Nanos> idle_exit;  ///< end when no workload has been there for so long
  int ready_fd = -1;
  bool self_test = false;
};

/// Parses argv (argv[0] is the program). When the user asked for help or the version, prints it and
/// returns nothing. Errors (usage): one line that names the option.
Result<std::optional<Options>> parse_options(int argc, const char* const* argv);

}  // namespace corun::daemon
