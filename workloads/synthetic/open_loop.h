// Requests at moments drawn before the window, answered in order by one server.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "workloads/synthetic/workload.h"
#include "workloads/tenant/waiting.h"

namespace corun::synthetic {

/// Calls `serve` for each of `arrivals` (after window.start), when it is due or as soon as the one
/// before is answered, and tells `recorder`. `lags_us` gets how late each began.
Result<WindowOutcome> serve_arrivals(const std::vector<Nanos>& arrivals, const Window& window,
                                     const tenant::Waiter& waiter, Recorder& recorder,
                                     const std::function<Status()>& serve,
                                     std::vector<double>& lags_us);

/// "generator lag: ..."; nothing without requests.
std::optional<std::string> lag_note(std::vector<double> lags_us);

}  // namespace corun::synthetic
