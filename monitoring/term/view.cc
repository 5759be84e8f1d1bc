#include "monitoring/term/view.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <tuple>

#include "core/check.h"

namespace corun::monitoring {

namespace {

constexpr size_t kPageRows = 10;
constexpr std::array kSortKeys{SortKey::kMemory, SortKey::kGpu,  SortKey::kWait,
                               SortKey::kName,   SortKey::kUser, SortKey::kPid};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool matches(const ViewState& view, std::initializer_list<std::string_view> texts) {
  if (view.filter.empty()) return true;
  const std::string wanted = lower(view.filter);
  return std::ranges::any_of(
      texts, [&](std::string_view text) { return lower(text).find(wanted) != std::string::npos; });
}

std::string places_of(const Snapshot& snapshot, const Workload& workload) {
  std::string all;
  for (const std::string& id : workload.containers) all += place_of(snapshot, id) + " ";
  return all;
}

bool is_shown(const Snapshot& snapshot, const ViewState& view, const Process& process) {
  const std::string place = process.container ? place_of(snapshot, *process.container) : "";
  return matches(view, {process.command, process.name, process.user, place,
                        process.workload.value_or(""), std::to_string(process.pid)});
}

/// Greater comes first.
double weight_of(SortKey key, const Process& process) {
  switch (key) {
    case SortKey::kGpu:
      return process.sm_utilization.value_or(-1);
    case SortKey::kMemory:
    case SortKey::kWait:
      return static_cast<double>(process.memory_bytes.value_or(0));
    case SortKey::kPid:
      return -process.pid;
    case SortKey::kName:
    case SortKey::kUser:
      return 0;
  }
  return 0;
}

double weight_of(SortKey key, const Workload& workload) {
  const auto figure = workload.figures.find("memory_bytes");
  switch (key) {
    case SortKey::kGpu:
      return workload.rates.gpu_ratio.value.value_or(-1);
    case SortKey::kWait:
      return workload.rates.wait_ratio.value.value_or(-1);
    case SortKey::kMemory:
      return figure == workload.figures.end() ? 0 : figure->second.value.value_or(0);
    case SortKey::kPid:
      return workload.pids.empty() ? 0 : -workload.pids.front();
    case SortKey::kName:
    case SortKey::kUser:
      return 0;
  }
  return 0;
}

std::string_view text_of(SortKey key, std::string_view name, std::string_view user) {
  return key == SortKey::kName ? name : key == SortKey::kUser ? user : std::string_view();
}

bool comes_first(SortKey key, const Process& a, const Process& b) {
  return std::tuple(-weight_of(key, a), text_of(key, a.name, a.user), a.pid) <
         std::tuple(-weight_of(key, b), text_of(key, b.name, b.user), b.pid);
}

/// "prod/chat · serve", "serve", "not of corun".
std::string heading_of(const Snapshot& snapshot, const Process& process) {
  std::string place = process.container ? place_of(snapshot, *process.container) : "host";
  if (!process.workload) return place;
  return place + " · " + process.workload->substr(process.workload->find('/') + 1);
}

void step_sort(ViewState& view, int by) {
  const auto at = std::ranges::find(kSortKeys, view.sort) - kSortKeys.begin();
  const auto size = static_cast<std::ptrdiff_t>(kSortKeys.size());
  view.sort = kSortKeys[static_cast<size_t>((at + by + size) % size)];
}

void step_choice(ViewState& view, const Snapshot& snapshot, std::ptrdiff_t by) {
  std::vector<int> pids;
  for (const ProcessRow& row : process_rows(snapshot, view)) {
    if (row.process != nullptr) pids.push_back(row.process->pid);
  }
  if (pids.empty()) return;
  const auto found = std::ranges::find(pids, view.chosen);
  const auto last = static_cast<std::ptrdiff_t>(pids.size()) - 1;
  const std::ptrdiff_t at = found == pids.end() ? (by > 0 ? -1 : last + 1) : found - pids.begin();
  view.chosen = pids[static_cast<size_t>(std::clamp<std::ptrdiff_t>(at + by, 0, last))];
}

void ask_about_chosen(ViewState& view, const Snapshot& snapshot) {
  for (const Gpu& gpu : snapshot.gpus) {
    for (const Process& process : gpu.processes) {
      if (process.pid != view.chosen) continue;
      view.question = Question{process.pid, process.name, process.started};
      return;
    }
  }
  view.message = "no process is chosen; choose one with the up and down keys";
}

void type_filter(ViewState& view, const Key& key) {
  if (key.kind == Key::Kind::kText) {
    view.filter += key.text;
  } else if (key.kind == Key::Kind::kBackspace) {
    while (!view.filter.empty() && (view.filter.back() & 0xc0) == 0x80) view.filter.pop_back();
    if (!view.filter.empty()) view.filter.pop_back();
  } else if (key.kind == Key::Kind::kEscape || key.kind == Key::Kind::kEnter) {
    if (key.kind == Key::Kind::kEscape) view.filter.clear();
    view.typing = false;
  }
}

Action answer(ViewState& view, const Key& key) {
  const Question target = *view.question;
  view.question.reset();
  if (key.kind == Key::Kind::kText && (key.text == "y" || key.text == "Y")) {
    return {Action::Kind::kTerminate, target};
  }
  view.message = "no signal was sent";
  return {};
}

Action press_letter(ViewState& view, char letter, const Snapshot& snapshot) {
  switch (letter) {
    case 'q':
      return {Action::Kind::kQuit};
    case 's':
      step_sort(view, 1);
      break;
    case '/':
      view.typing = true;
      break;
    case 't':
      view.tree = !view.tree;
      break;
    case ' ':
      view.paused = !view.paused;
      break;
    case '?':
    case 'h':
      view.help = true;
      break;
    case 'k':
      ask_about_chosen(view, snapshot);
      break;
    default:
      break;
  }
  return {};
}

}  // namespace

std::string_view to_string(SortKey key) {
  switch (key) {
    case SortKey::kMemory:
      return "memory";
    case SortKey::kGpu:
      return "gpu";
    case SortKey::kWait:
      return "wait";
    case SortKey::kName:
      return "name";
    case SortKey::kUser:
      return "user";
    case SortKey::kPid:
      return "pid";
  }
  return "";
}

Action press(ViewState& view, const Key& key, const Snapshot& snapshot) {
  using Kind = Key::Kind;
  view.message.clear();
  if (key.kind == Kind::kInterrupt) return {Action::Kind::kQuit};
  if (key.kind == Kind::kSuspend) return {Action::Kind::kSuspend};
  if (view.question) return answer(view, key);
  if (view.typing) {
    type_filter(view, key);
    return {};
  }
  if (view.help) {
    view.help = false;
    return key.text == "q" ? Action{Action::Kind::kQuit} : Action{};
  }
  switch (key.kind) {
    case Kind::kUp:
      step_choice(view, snapshot, -1);
      break;
    case Kind::kDown:
      step_choice(view, snapshot, 1);
      break;
    case Kind::kPageUp:
      step_choice(view, snapshot, -static_cast<std::ptrdiff_t>(kPageRows));
      break;
    case Kind::kPageDown:
      step_choice(view, snapshot, kPageRows);
      break;
    case Kind::kHome:
      step_choice(view, snapshot, -1'000'000);
      break;
    case Kind::kEnd:
      step_choice(view, snapshot, 1'000'000);
      break;
    case Kind::kLeft:
      step_sort(view, -1);
      break;
    case Kind::kRight:
      step_sort(view, 1);
      break;
    case Kind::kEscape:
      view.filter.clear();
      view.chosen = 0;
      break;
    case Kind::kText:
      return press_letter(view, key.text[0], snapshot);
    case Kind::kEnter:
    case Kind::kBackspace:
    case Kind::kInterrupt:
    case Kind::kSuspend:
    case Kind::kOther:
      break;
  }
  return {};
}

std::vector<ProcessRow> process_rows(const Snapshot& snapshot, const ViewState& view) {
  std::vector<ProcessRow> rows;
  for (const Gpu& gpu : snapshot.gpus) {
    for (const Process& process : gpu.processes) {
      if (is_shown(snapshot, view, process)) rows.push_back({0, "", &gpu, &process});
    }
  }
  std::ranges::stable_sort(rows, [&](const ProcessRow& a, const ProcessRow& b) {
    return comes_first(view.sort, *a.process, *b.process);
  });
  if (!view.tree) return rows;
  // Groups stand in the order of their first processes.
  std::vector<std::string> order;
  std::map<std::string, std::vector<ProcessRow>> groups;
  for (ProcessRow& row : rows) {
    const std::string heading = heading_of(snapshot, *row.process);
    auto& group = groups[heading];
    if (group.empty()) order.push_back(heading);
    row.depth = 1;
    group.push_back(row);
  }
  std::vector<ProcessRow> out;
  for (const std::string& heading : order) {
    out.push_back({0, heading, nullptr, nullptr});
    out.insert(out.end(), groups[heading].begin(), groups[heading].end());
  }
  return out;
}

std::vector<const Workload*> workload_rows(const Snapshot& snapshot, const ViewState& view) {
  std::vector<const Workload*> rows;
  for (const Workload& workload : snapshot.workloads) {
    if (matches(view, {workload.workload, workload.user, places_of(snapshot, workload)})) {
      rows.push_back(&workload);
    }
  }
  std::ranges::stable_sort(rows, [&](const Workload* a, const Workload* b) {
    return std::tuple(-weight_of(view.sort, *a), text_of(view.sort, a->name, a->user)) <
           std::tuple(-weight_of(view.sort, *b), text_of(view.sort, b->name, b->user));
  });
  return rows;
}

std::string place_of(const Snapshot& snapshot, const std::string& short_id) {
  const Container* container = snapshot.find_container(short_id);
  if (container == nullptr) return short_id;
  if (container->pod && container->pod->name) {
    return container->pod->namespace_name.value_or("?") + "/" + *container->pod->name;
  }
  return container->name.value_or(container->short_id);
}

bool is_still_there(const Snapshot& snapshot, const Question& target) {
  for (const Gpu& gpu : snapshot.gpus) {
    for (const Process& process : gpu.processes) {
      if (process.pid == target.pid && process.started == target.started) return true;
    }
  }
  return false;
}

}  // namespace corun::monitoring
