// Where this installation's own parts of managed sharing are.
#pragma once

#include <filesystem>
#include <vector>

#include "core/result.h"

namespace corun::modes {

struct EngineFiles {
  std::filesystem::path library;  ///< libcorun.so, preloaded into workloads
  std::filesystem::path daemon;   ///< corund
};

/// Beside the running program: its folder and ../bin for programs, ../lib for the library; absolute
/// paths. Errors (unsupported): one of them is missing.
Result<EngineFiles> find_engine_files();
/// The same, seen from a program in `folder`.
Result<EngineFiles> find_engine_files(const std::filesystem::path& folder);

}  // namespace corun::modes
