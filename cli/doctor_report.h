// What `corun doctor` says, as text and as JSON, from values alone.
#pragma once

#include <string>
#include <vector>

#include "core/exit_code.h"
#include "core/json.h"
#include "gpu/node_checks.h"

namespace corun::cli {

/// Whether one mode works on one GPU.
struct ModeVerdict {
  std::string mode;
  std::string summary;
  bool possible = false;
  std::string reason;  ///< why not
  std::string fix;     ///< what would help; may be empty
};

struct GpuVerdict {
  GpuInfo gpu;
  std::vector<ModeVerdict> modes;
};

struct DoctorReport {
  std::vector<GpuVerdict> gpus;
  std::vector<gpu::Finding> findings;
};

/// Asks every mode about every GPU, and checks the node.
DoctorReport examine(const gpu::NodeFacts& facts);

/// Lines of at most 100 columns.
std::string to_text(const DoctorReport& report);
Json to_json(const DoctorReport& report);
/// kOk when some GPU can be shared in turns or by time-slicing, else kUnsupported.
ExitCode verdict(const DoctorReport& report);

}  // namespace corun::cli
