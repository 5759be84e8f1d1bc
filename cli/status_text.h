// What `corun status` and `corun trace` print, from values alone.
#pragma once

#include <span>
#include <string>

#include "cli/session_containers.h"
#include "core/clock.h"
#include "engine/client/slices.h"
#include "engine/client/status.h"

namespace corun::cli {

struct StatusTextOptions {
  bool why = false;    ///< with the reasons of what was decided
  bool color = false;  ///< for a terminal
  SessionContainers containers{};
};

/// Lines of at most 100 columns: the GPU and its daemon, then a table of its workloads, and one of
/// their containers if there are any.
std::string status_text(const client::DaemonStatus& status, const StatusTextOptions& options);

/// One line a decision, oldest first, with its age at `now`.
std::string trace_text(std::span<const client::TraceEntry> entries, Instant now);

/// One line a stretch of time, with the age of its begin at `now`. Workloads of the daemon's own
/// user have their name alone.
std::string slices_text(std::span<const client::SliceEntry> entries, uint32_t daemons_user,
                        Instant now);

}  // namespace corun::cli
