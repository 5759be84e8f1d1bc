#include "cli/doctor_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/units.h"
#include "modes/mode.h"

namespace corun::cli {

namespace {

constexpr size_t kColumns = 100;
constexpr int kDoctorSchema = 1;

/// `text` behind `head`, its following lines indented to the same column.
std::string hang(const std::string& head, std::string_view text) {
  std::string out = head;
  size_t column = head.size();
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column > head.size() && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(head.size(), ' ');
      column = head.size();
    } else if (column > head.size()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out + "\n";
}

std::string gpu_text(const GpuVerdict& verdict) {
  const GpuInfo& gpu = verdict.gpu;
  std::string text =
      fmt::format("{}GPU {}: {}, {}, driver {}, CUDA {}\n", gpu.simulated ? "SIMULATED " : "",
                  gpu.index, gpu.name, format_bytes(gpu.memory_bytes),
                  gpu.driver.empty() ? "unknown" : gpu.driver, gpu.cuda);
  for (const ModeVerdict& mode : verdict.modes) {
    if (mode.possible) {
      text += hang(fmt::format("  yes  {:<13}", mode.mode), mode.summary);
    } else {
      text += hang(fmt::format("  no   {:<13}", mode.mode), mode.reason);
      if (!mode.fix.empty()) text += hang(std::string(20, ' ') + "fix: ", mode.fix);
    }
  }
  return text;
}

std::string finding_text(const gpu::Finding& finding) {
  const std::string head = fmt::format("  {:<8} {:<18} ", to_string(finding.level), finding.id);
  std::string text = hang(head, finding.text);
  if (!finding.fix.empty()) text += hang(std::string(head.size(), ' ') + "fix: ", finding.fix);
  return text;
}

std::string count_text(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

}  // namespace

DoctorReport examine(const gpu::NodeFacts& facts) {
  DoctorReport report;
  const auto modes = modes::all_modes();
  for (const gpu::GpuFacts& gpu : facts.gpus) {
    GpuVerdict verdict{gpu.info, {}};
    for (const auto& mode : modes) {
      ModeVerdict& entry = verdict.modes.emplace_back();
      entry.mode = mode->name();
      entry.summary = mode->summary();
      const Status can = mode->can(gpu.info);
      entry.possible = can.has_value();
      if (!can) {
        entry.reason = can.error().what;
        entry.fix = can.error().todo;
      }
    }
    report.gpus.push_back(std::move(verdict));
  }
  report.findings = gpu::check_node(facts);
  return report;
}

std::string to_text(const DoctorReport& report) {
  std::string text;
  for (const GpuVerdict& gpu : report.gpus) text += gpu_text(gpu);
  if (report.gpus.empty()) text += "No GPU can be used on this node.\n";
  text += "\nChecks\n";
  size_t warnings = 0;
  size_t problems = 0;
  for (const gpu::Finding& finding : report.findings) {
    text += finding_text(finding);
    warnings += finding.level == gpu::Finding::Level::kWarning ? 1 : 0;
    problems += finding.level == gpu::Finding::Level::kProblem ? 1 : 0;
  }
  return text + "\n" + count_text(problems, "problem") + ", " + count_text(warnings, "warning") +
         "\n";
}

Json to_json(const DoctorReport& report) {
  Json gpus = Json::array();
  bool simulated = false;
  for (const GpuVerdict& verdict : report.gpus) {
    Json modes = Json::array();
    for (const ModeVerdict& mode : verdict.modes) {
      modes.push_back({{"mode", mode.mode},
                       {"possible", mode.possible},
                       {"reason", mode.reason},
                       {"fix", mode.fix}});
    }
    const GpuInfo& gpu = verdict.gpu;
    simulated = simulated || gpu.simulated;
    gpus.push_back({{"index", gpu.index},
                    {"name", gpu.name},
                    {"uuid", gpu.uuid},
                    {"driver", gpu.driver},
                    {"cuda", gpu.cuda},
                    {"memory_bytes", gpu.memory_bytes},
                    {"simulated", gpu.simulated},
                    {"modes", std::move(modes)}});
  }
  Json checks = Json::array();
  for (const gpu::Finding& finding : report.findings) {
    checks.push_back({{"id", finding.id},
                      {"level", to_string(finding.level)},
                      {"text", finding.text},
                      {"fix", finding.fix}});
  }
  return {{"schema", kDoctorSchema},
          {"simulated", simulated},
          {"gpus", std::move(gpus)},
          {"checks", std::move(checks)}};
}

ExitCode verdict(const DoctorReport& report) {
  for (const GpuVerdict& gpu : report.gpus) {
    for (const ModeVerdict& mode : gpu.modes) {
      if (mode.possible && (mode.mode == "exclusive" || mode.mode == "time-slicing")) {
        return ExitCode::kOk;
      }
    }
  }
  return ExitCode::kUnsupported;
}

}  // namespace corun::cli
