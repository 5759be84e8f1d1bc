// Environment variables of this process, and the table of those that corun reads.
#pragma once

#include <optional>
#include <string>

namespace corun {

/// The value of `name`, or nothing when it is unset or empty.
std::optional<std::string> environment(const char* name);

// Every CORUN_* variable, with its meaning in docs/environment.md.
inline constexpr char kEnvRows[] = "CORUN_ROWS";             // path or descriptor number
inline constexpr char kEnvControl[] = "CORUN_CONTROL";       // path or descriptor number
inline constexpr char kEnvWorkload[] = "CORUN_WORKLOAD";     // the workload's name
inline constexpr char kEnvDriverDir[] = "CORUN_DRIVER_DIR";  // folder of another libcuda.so.1
inline constexpr char kEnvSimNode[] = "CORUN_SIM_NODE";      // folder of a simulated node

}  // namespace corun
