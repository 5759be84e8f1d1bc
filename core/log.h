// Log lines for people, on standard error: `corun: warning: ...`. Results never go here.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace corun::log {

enum class Level { kDebug, kInfo, kWarning, kError };

/// Lines below `level` are dropped. Default: kInfo (kDebug with CORUN_LOG=debug).
void set_level(Level level);
/// Writes one line; safe from any thread.
void write(Level level, std::string_view line);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace corun::log
