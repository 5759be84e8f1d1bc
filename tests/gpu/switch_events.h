// Records of context switches, written down shortly: "S977@100 E977@300" in us, S start, E end.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "gpu/timeline.h"

namespace corun::gpu::testing {

/// The GPU's clock where a test begins.
inline constexpr int64_t kGpuEpoch = 1'795'362'785'000'000'000;

inline rm::SwitchEvent switch_event(bool start, uint32_t pid, int64_t us) {
  rm::SwitchEvent event{};
  event.type = rm::kSwitchEventType;
  event.tag = start ? rm::kContextStart : rm::kContextEnd;
  event.pid = pid;
  event.context = pid + 1000;
  event.timestamp_ns = static_cast<uint64_t>(kGpuEpoch + us * 1000);
  return event;
}

inline std::vector<rm::SwitchEvent> switch_events(const std::string& text) {
  std::vector<rm::SwitchEvent> events;
  std::istringstream words(text);
  char kind = 0;
  char at = 0;
  uint32_t pid = 0;
  int64_t us = 0;
  while (words >> kind >> pid >> at >> us) events.push_back(switch_event(kind == 'S', pid, us));
  return events;
}

/// "977[100,300) switch[300,385) 976[385,500)...": times in us, "..." where a run may go on.
inline std::string text_of(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) {
    if (!text.empty()) text += ' ';
    switch (piece.kind) {
      case Piece::Kind::kRun:
        text += std::to_string(piece.pid);
        break;
      case Piece::Kind::kSwitch:
        text += "switch";
        break;
      case Piece::Kind::kNobody:
        text += "nobody";
        break;
      case Piece::Kind::kUnknown:
        text += "unknown";
        break;
    }
    text += '[' + std::to_string((piece.begin_ns - kGpuEpoch) / 1000) + ',' +
            std::to_string((piece.end_ns - kGpuEpoch) / 1000) + ')';
    if (piece.kind == Piece::Kind::kRun && !piece.ends) text += "...";
  }
  return text;
}

}  // namespace corun::gpu::testing
