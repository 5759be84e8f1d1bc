#include <fmt/format.h>

#include <algorithm>

#include "core/units.h"
#include "monitoring/term/frame.h"

namespace corun::monitoring {

namespace {

constexpr char kUnknown[] = "-";

std::string rounded(std::optional<double> value, const char* unit) {
  return value ? fmt::format("{:.0f}{}", *value, unit) : kUnknown;
}

std::string percent(std::optional<double> share) {
  return share ? fmt::format("{:.0f} %", *share * 100) : kUnknown;
}

std::string memory_text(const Gpu& gpu) {
  const std::string used = gpu.memory_used_bytes ? format_bytes(*gpu.memory_used_bytes) : kUnknown;
  return used + " of " + format_bytes(gpu.memory_bytes);
}

std::optional<double> memory_share(const Gpu& gpu) {
  if (!gpu.memory_used_bytes || gpu.memory_bytes == 0) return std::nullopt;
  return static_cast<double>(*gpu.memory_used_bytes) / static_cast<double>(gpu.memory_bytes);
}

Ink heat(std::optional<double> share) { return share.value_or(0) > 0.95 ? Ink::kWarn : Ink::kGood; }

void add_bar(Line& line, std::string_view name, std::optional<double> share, size_t columns) {
  line.add(name, Ink::kDim).add(" ▕", Ink::kDim);
  line.add(bar(share.value_or(0), columns), heat(share)).add("▏", Ink::kDim);
}

/// "policy priority, slices proven"; how it is divided where no corund governs it.
std::string governor(const Gpu& gpu) {
  if (gpu.daemon) {
    const bool mps = gpu.daemon->backend == "mps";
    return fmt::format("policy {}, {}", gpu.daemon->policy,
                       mps ? "MPS" : "slices " + gpu.daemon->slices);
  }
  if (gpu.mig && gpu.mig->enabled) {
    return fmt::format("{} MIG instances", gpu.mig->instances.size());
  }
  return gpu.mps ? fmt::format("{} MPS clients", gpu.mps->clients.size()) : "no corund";
}

std::string power_text(const Gpu& gpu) {
  if (!gpu.power_watts) return kUnknown;
  return fmt::format("{:.0f}/{}", *gpu.power_watts, rounded(gpu.power_limit_watts, " W"));
}

Line trouble_line(const Gpu& gpu) {
  Line line;
  if (gpu.error) line.add("  ! " + *gpu.error, Ink::kBad);
  if (gpu.last_xid) line.add(fmt::format("  ! XID {}", gpu.last_xid->xid), Ink::kBad);
  std::vector<std::string> reasons = gpu.throttle_reasons;
  std::erase(reasons, "gpu-idle");  // a GPU without work is not in trouble
  if (!reasons.empty()) {
    line.add(fmt::format("  ! clocks lowered: {}", fmt::join(reasons, ", ")), Ink::kWarn);
  }
  return line;
}

}  // namespace

std::vector<Line> gpu_lines(const Gpu& gpu, size_t columns, bool brief) {
  constexpr size_t kRight = 24, kFrame = 6, kLeast = 68, kMost = 140;
  const size_t left = columns >= 100 ? 46 : 34;
  const size_t wide = std::clamp<size_t>(columns, kLeast, kMost);
  const size_t bars = wide - left - kRight - kFrame;
  std::vector<Line> lines(brief ? 1 : 2);
  Line& first = lines[0];
  first.add(fmt::format("GPU {} ", gpu.index), Ink::kBold);
  first.cell(gpu.name, left - 19, Ink::kBold).add(" ").cell(gpu.mode, 11, Ink::kInfo);
  first.fill(left);
  add_bar(first, "USE", gpu.utilization, bars);
  first.right(percent(gpu.utilization), 6);
  if (brief) {
    first.right(percent(memory_share(gpu)) + " mem", 10, Ink::kPlain);
    first.right(rounded(gpu.temperature_celsius, " °C"), 8);
  } else {
    first.right(rounded(gpu.temperature_celsius, " °C"), 7).right(power_text(gpu), 11);
    Line& second = lines[1];
    second.add("      ").cell(governor(gpu), left - 7, Ink::kDim).fill(left);
    add_bar(second, "MEM", memory_share(gpu), bars);
    second.right(memory_text(gpu), kRight);
  }
  Line trouble = trouble_line(gpu);
  if (trouble.width() > 0) lines.push_back(std::move(trouble));
  return lines;
}

}  // namespace corun::monitoring
