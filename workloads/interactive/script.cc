#include "workloads/interactive/script.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/text.h"
#include "core/units.h"

namespace corun::interactive {

const char kDefaultScript[] = R"(load: cpu 100ms; alloc 1GiB; copy 64MiB
explore: gpu 200ms
plot: gpu 20ms; cpu 50ms
fit: gpu 1s
look: cpu 20ms
)";

namespace {

constexpr Nanos kLongest = std::chrono::hours(1);

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// Cuts what stands before `separator`, and it, off `text`.
std::string_view take_before(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return trimmed(part);
}

Result<Step> parse_step(std::string_view text) {
  std::string_view value = text;
  const std::string_view word = take_before(value, ' ');
  value = trimmed(value);
  if (word == "free") {
    if (value.empty()) return Step{.kind = StepKind::kFree};
    return usage_error(fmt::format("'free' takes no '{}'", one_line(value)));
  }
  if (word == "cpu" || word == "gpu") {
    Step step{.kind = word == "cpu" ? StepKind::kCpu : StepKind::kGpu};
    CORUN_ASSIGN(step.duration, parse_duration(value));
    if (step.duration > Nanos(0) && step.duration <= kLongest) return step;
    return usage_error(fmt::format("'{}' is out of range", one_line(text)), "use up to 1h");
  }
  if (word == "copy" || word == "alloc") {
    Step step{.kind = word == "copy" ? StepKind::kCopy : StepKind::kAlloc};
    CORUN_ASSIGN(step.bytes, parse_bytes(value));
    if (step.bytes > 0) return step;
    return usage_error(fmt::format("'{}' has no bytes", one_line(text)));
  }
  return usage_error(fmt::format("there is no step '{}'", one_line(word)),
                     "use cpu TIME, gpu TIME, copy SIZE, alloc SIZE or free");
}

Result<Cell> parse_cell(std::string_view line) {
  if (line.find(':') == std::string_view::npos) {
    return usage_error("a cell is of the form 'NAME: STEP; STEP'");
  }
  Cell cell{.name = std::string(take_before(line, ':')), .steps = {}};
  if (cell.name.empty()) return usage_error("a cell has no name");
  line = trimmed(line);
  while (!line.empty()) {
    CORUN_ASSIGN(const Step step, parse_step(take_before(line, ';')));
    cell.steps.push_back(step);
    line = trimmed(line);
  }
  if (cell.steps.empty()) return usage_error(fmt::format("cell '{}' does nothing", cell.name));
  return cell;
}

}  // namespace

Result<std::vector<Cell>> parse_script(std::string_view text, std::string_view origin) {
  std::vector<Cell> cells;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = take_before(text, '\n');
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    Result<Cell> cell = parse_cell(line);
    if (!cell) {
      const Error& error = cell.error();
      return usage_error(fmt::format("{}:{}: {}", origin, number, error.what), error.todo);
    }
    cells.push_back(std::move(*cell));
  }
  if (!cells.empty()) return cells;
  return usage_error(fmt::format("{} has no cell", origin), "write 'NAME: gpu 300ms', say");
}

}  // namespace corun::interactive
