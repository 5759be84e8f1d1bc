// What a user chooses of a corund that is started for a mode.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace corun::modes {

/// What is not given is the daemon's default.
struct DaemonChoice {
  std::optional<std::string> policy;  ///< "priority", "fair", "quota", "deadline", "rotate", "none"
  std::optional<uint32_t> linger_us;  ///< how long a gate stays closed after a burst
  std::optional<double> quantum_ms;   ///< all turns together
  std::optional<std::string> slices;  ///< "auto" (where they are proven), "yes", "no"
};

}  // namespace corun::modes
