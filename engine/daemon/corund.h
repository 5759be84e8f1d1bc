// corund, put together.
#pragma once

#include "core/result.h"
#include "engine/daemon/options.h"

namespace corun::daemon {

/// Governs a GPU until the end, in this process. Errors: no such GPU (usage), another daemon
/// (failed), no driver (unsupported), and what the system refuses.
Status run_daemon(const Options& options);

/// run_daemon(), in the background unless options.foreground: returns once it is ready, or with its
/// error.
Status start_daemon(const Options& options);

}  // namespace corun::daemon
