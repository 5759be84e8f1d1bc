// Tables of workloads and of processes.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "core/units.h"
#include "monitoring/term/frame.h"

namespace corun::monitoring {

namespace {

constexpr char kNothing[] = "-";
constexpr double kStripSeconds = 3;
/// A long run is told in parts of a second: later than this is not known yet.
constexpr double kStripLag = 1;
constexpr size_t kLeastStrip = 14;
constexpr size_t kMostStrip = 60;

struct Shown {
  std::string text;
  Ink ink = Ink::kPlain;
};

/// A column of the table of workloads. `rank`: those of the highest go first when room is short.
struct Column {
  std::string_view head;
  size_t width;
  int rank;
  bool right;
  Shown (*show)(const Snapshot&, const Workload&);
};

std::optional<double> figure_of(const Workload& workload, const std::string& name) {
  const auto found = workload.figures.find(name);
  return found == workload.figures.end() ? std::nullopt : found->second.value;
}

/// "43 %", "~43 %" when it is estimated.
Shown ratio_text(const Figure& figure) {
  if (!figure.value) return {kNothing, Ink::kDim};
  const char* sign = figure.label == client::Label::kEstimated ? "~" : "";
  return {fmt::format("{}{:.0f} %", sign, *figure.value * 100)};
}

std::string memory_or_nothing(std::optional<double> bytes) {
  return bytes ? format_bytes(static_cast<uint64_t>(std::max(0.0, *bytes))) : kNothing;
}

Shown show_class(const Snapshot&, const Workload& workload) {
  switch (workload.service_class) {
    case ServiceClass::kLatencyCritical:
      return {"critical", Ink::kInfo};
    case ServiceClass::kNormal:
      return {"normal"};
    case ServiceClass::kBestEffort:
      return {"best-eff", Ink::kDim};
  }
  return {};
}

Shown show_state(const Snapshot&, const Workload& workload) {
  if (workload.state != "running") return {workload.state, Ink::kWarn};
  if (workload.now.gate_closed) return {"in burst", Ink::kInfo};
  if (workload.now.waits) return {"waits", Ink::kWarn};
  return workload.now.holds_gpu ? Shown{"has GPU", Ink::kGood} : Shown{"running", Ink::kGood};
}

Shown show_p99(const Snapshot&, const Workload& workload) {
  const auto us = figure_of(workload, "burst_p99_us");
  if (!us) return {kNothing, Ink::kDim};
  const std::string text = format_duration(from_micros(*us));
  const bool late = workload.latency_target_us && *us > *workload.latency_target_us;
  return late ? Shown{"!" + text, Ink::kBad} : Shown{text};
}

Shown show_share(const Snapshot&, const Workload& workload) {
  std::string text = fmt::format("x{:g}", workload.weight);
  if (workload.min_share > 0) text += fmt::format(" >{:.0f}%", workload.min_share * 100);
  if (workload.max_share < 1) text += fmt::format(" <{:.0f}%", workload.max_share * 100);
  return {text};
}

Shown show_place(const Snapshot& snapshot, const Workload& workload) {
  if (workload.containers.empty()) return {"host", Ink::kDim};
  return {place_of(snapshot, workload.containers.front())};
}

const std::vector<Column>& columns_of_workloads() {
  static const std::vector<Column> kColumns{
      {"WORKLOAD", 13, 0, false, [](const Snapshot&, const Workload& w) { return Shown{w.name}; }},
      {"CLASS", 8, 3, false, show_class},
      {"SHARE", 10, 7, false, show_share},
      {"STATE", 8, 1, false, show_state},
      {"GPU", 5, 0, true,
       [](const Snapshot&, const Workload& w) { return ratio_text(w.rates.gpu_ratio); }},
      {"WAIT", 5, 2, true,
       [](const Snapshot&, const Workload& w) { return ratio_text(w.rates.wait_ratio); }},
      {"P99", 8, 4, true, show_p99},
      {"MEMORY", 8, 1, true,
       [](const Snapshot&, const Workload& w) {
         return Shown{memory_or_nothing(figure_of(w, "memory_bytes"))};
       }},
      {"LIMIT", 8, 6, true,
       [](const Snapshot&, const Workload& w) {
         return w.memory_limit_bytes ? Shown{format_bytes(*w.memory_limit_bytes)}
                                     : Shown{kNothing, Ink::kDim};
       }},
      {"WHERE", 20, 5, false, show_place},
  };
  return kColumns;
}

/// The columns that fit beside the strip of slices, and what is left for it.
std::pair<std::vector<Column>, size_t> fitting(size_t columns) {
  std::vector<Column> chosen = columns_of_workloads();
  const auto taken = [&] {
    size_t sum = 0;
    for (const Column& column : chosen) sum += column.width + 1;
    return sum;
  };
  while (taken() + kLeastStrip > columns && chosen.size() > 2) {
    chosen.erase(std::ranges::max_element(chosen, {}, &Column::rank));
  }
  const size_t left = columns > taken() ? columns - taken() : 0;
  return {chosen, std::min(left, kMostStrip)};
}

Line heading_line(std::string_view text, size_t columns) {
  return Line().add(text).fill(columns).invert();
}

/// The program's folder would fill what 80 columns have for the command.
std::string without_folder(const std::string& command) {
  if (!command.starts_with('/')) return command;
  const size_t end = std::min(command.find(' '), command.size());
  return command.substr(command.rfind('/', end) + 1);
}

Line process_line(const Snapshot& snapshot, const ViewState& view, const ProcessRow& row,
                  size_t columns) {
  const Process& process = *row.process;
  const bool chosen = process.pid == view.chosen;
  Line line;
  line.add(chosen ? ">" : " ").add(std::string(row.depth * 2, ' '));
  line.right(std::to_string(process.pid), 8 - 2 * std::min<size_t>(row.depth, 2)).add(" ");
  line.cell(process.user, 9).add(" ").right(std::to_string(row.gpu->index), 3);
  line.right(process.memory_bytes ? format_bytes(*process.memory_bytes) : kNothing, 10);
  line.right(
      process.sm_utilization ? fmt::format("{:.0f} %", *process.sm_utilization * 100) : kNothing,
      6);
  const std::string by = process.mps            ? "MPS"
                         : process.gpu_instance ? fmt::format("MIG{}", *process.gpu_instance)
                                                : "";
  line.add(" ").cell(by, 5, Ink::kDim).add(" ");
  if (!view.tree) {
    const std::string place = process.container ? place_of(snapshot, *process.container) : "host";
    line.cell(place, 16, process.container ? Ink::kInfo : Ink::kDim).add(" ");
  }
  line.add(process.command.empty() ? process.name : without_folder(process.command));
  line.cut(columns);
  if (chosen) line.fill(columns).invert();
  return line;
}

/// The first row of those shown, so that the chosen process is among `room` rows.
size_t first_row(const std::vector<ProcessRow>& rows, const ViewState& view, size_t room) {
  const auto chosen = std::ranges::find_if(rows, [&](const ProcessRow& row) {
    return row.process != nullptr && row.process->pid == view.chosen;
  });
  if (chosen == rows.end()) return 0;
  const auto at = static_cast<size_t>(chosen - rows.begin());
  return at < room ? 0 : at - room + 1;
}

}  // namespace

std::vector<Line> workload_lines(const Snapshot& snapshot, const SliceTape& tape,
                                 const ViewState& view, size_t columns) {
  const auto [chosen, strip] = fitting(columns);
  std::string heads;
  for (const Column& column : chosen) {
    heads += column.right ? fmt::format("{:>{}} ", column.head, column.width)
                          : fmt::format("{:<{}} ", column.head, column.width);
  }
  std::vector<Line> lines{heading_line(heads + "SLICES", columns)};
  const double to = snapshot.at - kStripLag;
  for (const Workload* workload : workload_rows(snapshot, view)) {
    Line line;
    for (const Column& column : chosen) {
      const Shown shown = column.show(snapshot, *workload);
      if (column.right) {
        line.right(shown.text, column.width, shown.ink);
      } else {
        line.cell(shown.text, column.width, shown.ink);
      }
      line.add(" ");
    }
    add_strip(line, tape.cells(workload->gpu, workload->workload, to - kStripSeconds, to, strip));
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<Line> process_lines(const Snapshot& snapshot, const ViewState& view, size_t columns,
                                size_t rows) {
  std::vector<Line> lines;
  if (rows == 0) return lines;
  const std::string place = view.tree ? "" : fmt::format("{:<17}", "CONTAINER");
  lines.push_back(heading_line(fmt::format("{:>9} {:<9} {:>3}{:>10}{:>6} {:<5} {}COMMAND", "PID",
                                           "USER", "GPU", "MEMORY", "SM", "BY", place),
                               columns));
  const std::vector<ProcessRow> all = process_rows(snapshot, view);
  const size_t first = first_row(all, view, rows - 1);
  for (size_t i = first; i < all.size() && lines.size() < rows; ++i) {
    if (all[i].process == nullptr) {
      lines.push_back(Line().add(all[i].heading, Ink::kBold));
    } else {
      lines.push_back(process_line(snapshot, view, all[i], columns));
    }
  }
  if (all.empty()) {
    const bool filtered = !view.filter.empty();
    lines.push_back(Line().add(
        filtered ? "No process matches the filter." : "No process has a context on these GPUs.",
        Ink::kDim));
  }
  lines.resize(std::min(lines.size(), rows));
  return lines;
}

}  // namespace corun::monitoring
