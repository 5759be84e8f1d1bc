// What `corun doctor` finds about managed sharing and optional programs.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/client/status.h"
#include "gpu/node_checks.h"
#include "modes/daemon.h"

namespace corun::cli {

struct ManagedFacts {
  std::optional<Error> missing;  ///< why libcorun.so or corund cannot be used
  std::string library;           ///< path of libcorun.so
  std::string preload_error;     ///< what the loader says of it; empty: it loads
  std::vector<modes::RunningDaemon> daemons;
  struct Slices {
    client::SlicesState state = client::SlicesState::kUnproven;
    std::string why;
  };
  std::map<std::string, Slices> slices;    ///< by UUID: what corund measured here before
  std::map<std::string, Status> switches;  ///< by UUID: whether context switches can be read
  bool root = false;
};

/// Starts one short program with libcorun.so preloaded; changes nothing.
ManagedFacts collect_managed_facts(const gpu::NodeFacts& node);

/// "managed-library", "gpuN.gate", "gpuN.slices", "gpuN.switches", "gpuN.corund"; pure.
std::vector<gpu::Finding> managed_findings(const gpu::NodeFacts& node, const ManagedFacts& facts);

/// "training": whether the optional programs that need LibTorch were built; pure.
gpu::Finding training_finding(bool built);

}  // namespace corun::cli
