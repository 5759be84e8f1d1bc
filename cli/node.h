// The node that a verb works on: its real GPUs, or a simulated one that lives as long as the verb.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"
#include "core/model/gpu.h"
#include "core/model/workload.h"
#include "core/process.h"
#include "core/result.h"

namespace corun::cli {

inline constexpr char kDefaultProfile[] = "h100";

/// `--gpu auto|real|simulated[:PROFILE]`.
struct NodeChoice {
  enum class Kind { kAuto, kReal, kSimulated };
  Kind kind = Kind::kAuto;
  std::string profile = kDefaultProfile;
};
/// Errors (usage): anything else.
Result<NodeChoice> parse_node_choice(std::string_view text);

/// The folder of the running program, where corun's other programs are too.
std::filesystem::path program_dir();

/// Takes CORUN_SIM_NODE and CORUN_DRIVER_DIR out of this process's environment.
void use_real_driver();

/// Names a simulated node that runs to this process and its children.
void name_node(const std::string& sim_node, const std::string& driver_dir);
/// Names the folder of its corund likewise, unless one is named: beside a named node daemons are
/// looked for in the node's own place only.
void name_daemon(const std::string& run_dir);

class Node {
 public:
  /// `real`: the driver's GPUs. `simulated`: a simulated node that is already running and named by
  /// CORUN_SIM_NODE, else one that is started here and ends with this object (or this process,
  /// however it dies). `auto`: a node named by CORUN_SIM_NODE, else real GPUs, else simulated ones.
  /// Sets CORUN_SIM_NODE and CORUN_DRIVER_DIR in this process accordingly: call it before threads
  /// are started and before the driver is loaded.
  /// Errors (unsupported): no GPU, or no simulated node in this installation.
  static Result<Node> open(const NodeChoice& choice);

  const std::vector<GpuInfo>& gpus() const { return gpus_; }
  /// `--device N`. Errors (usage): the node has fewer.
  Result<GpuInfo> gpu(int device) const;
  bool simulated() const { return simulated_; }
  /// What a command needs in front of variables' values (colon-separated) to find this node's
  /// driver, tools and device files; empty on a real one.
  std::map<std::string, std::string> tenant_prepend_env() const;
  /// What a container needs besides to see this node; empty for a real one, whose GPU the container
  /// has from its engine.
  Edits container_edits() const;

 private:
  static Result<Node> open_real();
  static Result<Node> join_simulated();
  static Result<Node> start_simulated(const std::string& profile);
  Status list();

  bool simulated_ = false;
  std::vector<GpuInfo> gpus_;
  std::unique_ptr<TemporaryFolder> folder_;  ///< of a node that is ours; outlives its server
  std::unique_ptr<Process> server_;
};

}  // namespace corun::cli
