// Requests at moments drawn before the window, answered in order by one server.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "workloads/synthetic/workload.h"
#include "workloads/tenant/waiting.h"

namespace corun::synthetic {

struct OpenLoop {
  WindowOutcome outcome;
  std::optional<std::string> note;  ///< "generator lag: ..."; nothing without requests
};

/// Calls `serve` for each of `arrivals` (after window.start), when it is due or as soon as the one
/// before is answered, and tells `recorder`.
Result<OpenLoop> serve_arrivals(const std::vector<Nanos>& arrivals, const Window& window,
                                const tenant::Waiter& waiter, Recorder& recorder,
                                const std::function<Status()>& serve);

}  // namespace corun::synthetic
