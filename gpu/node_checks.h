// What the facts of a node mean for sharing its GPU: findings, each with its fix. A pure function
// of node_facts.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gpu/node_facts.h"

namespace corun::gpu {

/// One thing that was looked at.
struct Finding {
  enum class Level {
    kOk,
    kNote,     ///< good to know; nothing to do
    kWarning,  ///< corun works, but something is missing or will disturb measurements
    kProblem,  ///< sharing this GPU does not work like this
  };
  std::string id;  ///< "driver", "mps-control", "gpu0.compute-mode"; stable, for scripts
  Level level = Level::kOk;
  std::string text;
  std::string fix;  ///< what to do; empty where nothing is to be done
};

std::string_view to_string(Finding::Level level);  // "ok", "note", "warning", "problem"

/// All findings in the order in which they are printed: driver, GPUs, MPS, system.
std::vector<Finding> check_node(const NodeFacts& facts);

/// The oldest driver ABI that corun uses, and the oldest GPU its kernels run on.
inline constexpr int kOldestCuda = 11080;
inline constexpr int kOldestComputeMajor = 7;

}  // namespace corun::gpu
