// The private MPS daemon of one plan: own pipe and log folders below the plan's run_dir, so that
// neither a stray daemon is joined nor strangers join ours. Internal to the room.
#pragma once

#include <map>
#include <span>
#include <string>

#include "core/process.h"
#include "modes/mode.h"

namespace corun::modes {

class MpsServer {
 public:
  /// Nothing, or why this node has no MPS (kind: unsupported).
  static Status possible(const GpuInfo& gpu);
  /// What makes a workload a client of the plan's daemon, with the limits that its share asks for.
  static Edits edits(const Plan& plan, const Share& share);
  /// Errors (failed): the daemon does not answer, or a tenant is not its client.
  static Status check(const Plan& plan, std::span<const Tenant> tenants);

  /// Makes the folders, starts the daemon and waits until it answers.
  Status start(const Plan& plan);
  /// Ends clients, servers and daemon; idempotent, and of a daemon too that another process has
  /// started. Errors (failed): one of them cannot be killed.
  Status stop(const Plan& plan);

 private:
  std::map<std::string, Process> daemons_;  ///< by run_dir
};

}  // namespace corun::modes
