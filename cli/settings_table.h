// The settings of a corund as `corun settings` takes and shows them. One line each: the verb, its
// help text and its tests read this table, and what a value may be is the daemon's to judge.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace corun::cli {

/// How a setting is typed, and what it is in JSON.
enum class SettingKind {
  kWord,     ///< text as it is
  kCount,    ///< a whole number
  kMillis,   ///< a duration, in ms
  kSeconds,  ///< a duration, in s
  kBytes,    ///< a size, in bytes
  kYesNo,    ///< yes or no, a boolean
};

struct Setting {
  std::string_view option;  ///< "--linger-us"
  const char* key;          ///< of docs/control-api.md
  SettingKind kind;
  std::string_view value;    ///< what stands for its value in the help text
  std::string_view meaning;  ///< a few words for the help text and the table
  std::string_view word{};   ///< also taken, as text: "auto"; "": none
};

inline constexpr std::array kSettings{
    Setting{"--policy", "policy", SettingKind::kWord, "P",
            "priority, fair, quota, deadline, rotate or none"},
    Setting{"--quantum", "quantum_ms", SettingKind::kMillis, "TIME",
            "all turns together, without latency-critical work"},
    Setting{"--quota-window", "quota_window_ms", SettingKind::kMillis, "TIME",
            "over which shares hold"},
    Setting{"--linger-us", "linger_us", SettingKind::kCount, "N",
            "how long the GPU is kept after a burst, at most"},
    Setting{"--learn-linger", "learn_linger", SettingKind::kYesNo, "yes|no",
            "whether each learns how much of it pays"},
    Setting{"--hold", "hold", SettingKind::kYesNo, "yes|no",
            "whether a kernel keeps the GPU in bursts"},
    Setting{"--max-burst", "max_burst_ms", SettingKind::kMillis, "TIME",
            "a gate that is closed for longer is opened by force"},
    Setting{"--wait-every-us", "wait_every_us", SettingKind::kCount, "N",
            "GPU work between two waits for a gate"},
    Setting{"--preempted-slice-us", "preempted_slice_us", SettingKind::kCount, "N",
            "slice of who works beside latency-critical work"},
    Setting{"--gate-with-slices", "gate_with_slices", SettingKind::kYesNo, "yes|no",
            "whether gates close where slices order the classes"},
    Setting{"--park-idle", "park_idle_s", SettingKind::kSeconds, "TIME",
            "idle for so long, a workload may be parked; 0s: none is"},
    Setting{"--memory-wait", "memory_wait_s", SettingKind::kSeconds, "TIME",
            "how long an allocation waits for memory"},
    Setting{"--longest-away", "longest_away_s", SettingKind::kSeconds, "TIME",
            "rotate parks nobody for longer, if it can; 0s: no bound"},
    Setting{"--memory-reserve", "memory_reserve_bytes", SettingKind::kBytes, "SIZE",
            "with less memory free, idle workloads are parked"},
    Setting{"--memory-capacity", "memory_capacity_bytes", SettingKind::kBytes, "SIZE",
            "GPU memory to share out; 0B: all"},
};

/// What was typed, as the daemon takes it. Errors (usage): no such value, by the option's name.
Result<Json> setting_value(const Setting& setting, const std::string& typed);
/// A value of the daemon as one would type it: "40ms". "-": it has none of this name.
std::string setting_text(const Setting& setting, const Json& settings);

}  // namespace corun::cli
