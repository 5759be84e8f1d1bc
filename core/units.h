// Sizes and durations as users write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace corun {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

/// "20GiB", "512MiB", "1.5GB", "4096" (bytes). Errors: usage.
Result<uint64_t> parse_bytes(std::string_view text);
/// "30s", "500ms", "250us", "2m", "1h". A bare number is an error: the unit is part of the value.
Result<Nanos> parse_duration(std::string_view text);
/// "18.6 GiB", "512 MiB", "12 B": binary units, three significant digits.
std::string format_bytes(uint64_t bytes);
/// "1.25 s", "38.2 ms", "12 us".
std::string format_duration(Nanos d);

}  // namespace corun
