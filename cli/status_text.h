// What `corun status` and `corun trace` print, from values alone.
#pragma once

#include <span>
#include <string>

#include "core/clock.h"
#include "engine/client/status.h"

namespace corun::cli {

struct StatusTextOptions {
  bool why = false;    ///< with the reasons of what was decided
  bool color = false;  ///< for a terminal
};

/// Lines of at most 100 columns: the GPU and its daemon, then a table of its workloads.
std::string status_text(const client::DaemonStatus& status, const StatusTextOptions& options);

/// One line a decision, oldest first, with its age at `now`.
std::string trace_text(std::span<const client::TraceEntry> entries, Instant now);

}  // namespace corun::cli
