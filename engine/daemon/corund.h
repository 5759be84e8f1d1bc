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

/// Measures whether time slices act, prints the figures and keeps the verdict. Errors
/// (unsupported): they do not; (failed): it could not be measured.
Status run_self_test(const Options& options);

}  // namespace corun::daemon
