#include "monitoring/term/frame.h"

#include <fmt/format.h>

#include <algorithm>

namespace corun::monitoring {

namespace {

/// What a screen shows besides processes: those take the room that is left, but not less than this.
constexpr size_t kLeastProcessRows = 4;

std::vector<Line> body(const Snapshot& snapshot, const SliceTape& tape, const ViewState& view,
                       size_t columns, size_t rows) {
  std::vector<Line> lines;
  const auto put = [&](std::vector<Line> more) {
    lines.insert(lines.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
  };
  const bool brief = snapshot.gpus.size() * 6 > rows;
  for (const Gpu& gpu : snapshot.gpus) put(gpu_lines(gpu, columns, brief));
  if (snapshot.gpus.empty()) {
    lines.push_back(Line().add(snapshot.at == 0 ? "The GPUs of this node have not answered so far."
                                                : "No GPU is seen on this node.",
                               Ink::kWarn));
  }
  if (!snapshot.workloads.empty()) {
    lines.emplace_back();
    auto workloads = workload_lines(snapshot, tape, view, columns);
    const size_t most = rows > lines.size() + kLeastProcessRows + 1
                            ? rows - lines.size() - kLeastProcessRows - 1
                            : 2;
    if (workloads.size() > most) {
      const size_t hidden = workloads.size() - most + 1;
      workloads.resize(most - 1);
      workloads.push_back(Line().add(fmt::format("… and {} more", hidden), Ink::kDim));
    }
    put(std::move(workloads));
  }
  lines.emplace_back();
  if (rows > lines.size()) {
    put(process_lines(snapshot, view, columns, rows - lines.size()));
  }
  return lines;
}

std::string errors_of(const Snapshot& snapshot) {
  return fmt::format("{}", fmt::join(snapshot.node.collector.errors, " · "));
}

}  // namespace

std::vector<Line> screen(const Snapshot& snapshot, const SliceTape& tape, const ViewState& view,
                         Size size) {
  std::vector<Line> lines{head_line(snapshot, view, size.columns)};
  if (const std::string errors = errors_of(snapshot); !errors.empty()) {
    lines.push_back(Line().add("! " + errors, Ink::kWarn));
  }
  const size_t room = size.rows > lines.size() + 1 ? size.rows - lines.size() - 1 : 0;
  std::vector<Line> more =
      view.help ? help_lines() : body(snapshot, tape, view, size.columns, room);
  more.resize(room);
  lines.insert(lines.end(), more.begin(), more.end());
  lines.push_back(foot_line(view, size.columns));
  lines.resize(size.rows);
  for (Line& line : lines) line.cut(size.columns);
  return lines;
}

std::vector<Line> listing(const Snapshot& snapshot, const SliceTape& tape, const ViewState& view,
                          size_t columns) {
  constexpr size_t kAllRows = 100'000;
  std::vector<Line> lines{head_line(snapshot, view, columns)};
  if (const std::string errors = errors_of(snapshot); !errors.empty()) {
    lines.push_back(Line().add("! " + errors, Ink::kWarn));
  }
  const std::vector<Line> more = body(snapshot, tape, view, columns, kAllRows);
  lines.insert(lines.end(), more.begin(), more.end());
  for (Line& line : lines) line.cut(columns);
  return lines;
}

Line head_line(const Snapshot& snapshot, const ViewState& view, size_t columns) {
  const Node& node = snapshot.node;
  Line line;
  line.add("corun top", Ink::kBold).add("  " + node.hostname + "  " + view.clock);
  if (!node.driver.empty()) line.add("  driver " + node.driver, Ink::kDim);
  std::string badges;
  if (node.simulated) badges += " SIMULATED";
  if (view.paused) badges += " PAUSED";
  if (!view.filter.empty() && !view.typing) badges += " filter: " + view.filter;
  const size_t wide = columns_of(badges);
  if (line.width() + wide <= columns) line.fill(columns - wide);
  return line.add(badges, Ink::kWarn);
}

std::vector<Line> help_lines() {
  const std::vector<std::pair<std::string, std::string>> keys{
      {"q, Ctrl-C", "end"},
      {"up, down", "choose a process (also Page Up, Page Down, Home, End)"},
      {"k", "send SIGTERM to the chosen process; asks before"},
      {"s, left, right", "sort by memory, gpu, wait, name, user, pid"},
      {"/", "filter by command, user, container, pod or workload; Esc: all"},
      {"t", "processes below their containers and workloads, or flat"},
      {"space", "stand still, or go on"},
      {"?", "this text; any key leaves it"},
  };
  std::vector<Line> lines{Line(), Line().add("Keys", Ink::kBold)};
  for (const auto& [key, what] : keys) lines.push_back(Line().cell(key, 16, Ink::kInfo).add(what));
  lines.emplace_back();
  lines.push_back(Line().add("Columns", Ink::kBold));
  for (const auto& [name, what] : std::vector<std::pair<std::string, std::string>>{
           {"GPU", "GPU seconds a second; ~ before it: estimated, not measured"},
           {"WAIT", "part of the time that closed gates and turns took from it"},
           {"P99", "of the latest bursts; ! before it: above its target"},
           {"SLICES", "3 s until a second ago: height ran, · waited, ░ parked"}}) {
    lines.push_back(Line().cell(name, 16, Ink::kInfo).add(what));
  }
  return lines;
}

Line foot_line(const ViewState& view, size_t columns) {
  Line line;
  if (view.question) {
    line.add(fmt::format("Send SIGTERM to {} ({})? y: yes, any other key: no", view.question->pid,
                         view.question->name),
             Ink::kBad);
  } else if (view.typing) {
    line.add("filter: " + view.filter + "_  (Enter keeps it, Esc clears it)", Ink::kInfo);
  } else if (!view.message.empty()) {
    line.add(view.message, Ink::kWarn);
  } else {
    line.add(fmt::format(" q end  s sort: {}  / filter  t {}  space {}  k signal  ? help ",
                         to_string(view.sort), view.tree ? "flat" : "tree",
                         view.paused ? "go on" : "pause"));
  }
  return line.fill(columns).invert();
}

std::string bar(double share, size_t columns) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const double filled = std::clamp(share, 0.0, 1.0) * static_cast<double>(columns);
  auto whole = static_cast<size_t>(filled);
  const auto eighths = static_cast<size_t>((filled - static_cast<double>(whole)) * 8);
  std::string out;
  for (size_t i = 0; i < whole; ++i) out += "█";
  if (whole < columns && eighths > 0) {
    out += kEighths[eighths];
    ++whole;
  }
  return out + std::string(columns - whole, ' ');
}

}  // namespace corun::monitoring
