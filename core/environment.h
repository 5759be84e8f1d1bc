// Environment variables of this process, and the table of those that corun reads.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace corun {

/// The value of `name`, or nothing when it is unset or empty.
std::optional<std::string> environment(const char* name);

/// Puts `value` in front of what a child with these additions to the environment would find in
/// `name`: those of `env`, else this process's own; separated by a colon.
void prepend_variable(std::map<std::string, std::string>& env, const std::string& name,
                      const std::string& value);

// Every CORUN_* variable, with its meaning in docs/environment.md.
inline constexpr char kEnvRows[] = "CORUN_ROWS";             // path or descriptor number
inline constexpr char kEnvControl[] = "CORUN_CONTROL";       // path or descriptor number
inline constexpr char kEnvWorkload[] = "CORUN_WORKLOAD";     // the workload's name
inline constexpr char kEnvDriverDir[] = "CORUN_DRIVER_DIR";  // folder of another libcuda.so.1
inline constexpr char kEnvSimNode[] = "CORUN_SIM_NODE";      // folder of a simulated node

}  // namespace corun
