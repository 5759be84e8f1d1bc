// The stand-in for nvidia-smi on a simulated node: tables and CSV queries from the drop-in NVML.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace corun::simgpu {

enum class SmiVerb { kTable, kList, kQueryGpu, kQueryApps, kDetails, kHelp };

struct SmiRequest {
  SmiVerb verb = SmiVerb::kTable;
  std::vector<std::string> fields;
  std::string id;  ///< -i: index or UUID; empty: all
  bool header = true;
  bool units = true;
};

/// Errors (usage): an option or a field that the stand-in does not know, by name.
Result<SmiRequest> parse_smi(const std::vector<std::string>& arguments);

/// The answer as text. Errors: no node, no such GPU.
Result<std::string> answer_smi(const SmiRequest& request);

}  // namespace corun::simgpu
