// What the page orders of a daemon: settings of a workload, park, resume.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace corun::monitoring {

struct Order {
  std::string workload;  ///< "UID/NAME"
  std::string request;   ///< for the control socket: JSON, complete
  Nanos patience{};      ///< for its reply
};

/// The order that a POST to /api/v1/workloads/`rest` with this body gives. Errors (usage): not
/// UID/NAME[/park|/resume], a body that is no object, or a key that `set` does not have.
Result<Order> parse_order(std::string_view rest, std::string_view body);

}  // namespace corun::monitoring
