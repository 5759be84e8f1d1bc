#include "core/process_tree.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <string_view>

#include "core/files.h"

namespace corun {

namespace fs = std::filesystem;

namespace {

struct Stat {
  char state = '?';
  pid_t parent = 0;
  uint64_t start_ticks = 0;
};

/// Fields of /proc/PID/stat behind the name, which may itself hold spaces and parentheses.
std::optional<Stat> read_stat(pid_t pid) {
  auto text = read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return std::nullopt;
  const size_t end_of_name = text->rfind(')');
  if (end_of_name == std::string::npos || end_of_name + 2 >= text->size()) return std::nullopt;
  std::string_view rest = std::string_view(*text).substr(end_of_name + 2);
  Stat stat;
  constexpr int kState = 3, kParent = 4, kStart = 22;  // numbered as in proc(5)
  for (int field = kState; field <= kStart && !rest.empty(); ++field) {
    const size_t space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    if (field == kState) stat.state = word.front();
    if (field == kParent) std::from_chars(word.begin(), word.end(), stat.parent);
    if (field == kStart) std::from_chars(word.begin(), word.end(), stat.start_ticks);
    rest.remove_prefix(space == std::string_view::npos ? rest.size() : space + 1);
  }
  return stat;
}

/// In how many PID namespaces a process has a PID, of those that /proc shows; 0: it is gone.
size_t count_pids(const std::string& process) {
  const auto text = read_file("/proc/" + process + "/status");
  if (!text) return 0;
  const size_t at = text->find("\nNSpid:");
  if (at == std::string::npos) return 1;  // a kernel that does not tell
  const size_t end = text->find('\n', at + 1);
  const std::string_view line = std::string_view(*text).substr(at, end - at);
  return static_cast<size_t>(std::count(line.begin(), line.end(), '\t'));
}

bool is_dead(const Stat& stat) { return stat.state == 'Z' || stat.state == 'X'; }

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    pid_t pid = 0;
    const auto [rest, code] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (code == std::errc() && rest == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

}  // namespace

std::vector<pid_t> descendants_of(pid_t root) {
  std::multimap<pid_t, std::pair<pid_t, bool>> children;  // parent -> (child, dead)
  for (pid_t pid : all_pids()) {
    if (auto stat = read_stat(pid)) children.emplace(stat->parent, std::pair(pid, is_dead(*stat)));
  }
  std::vector<pid_t> found;
  std::vector<pid_t> next{root};
  while (!next.empty()) {
    std::vector<pid_t> level;
    for (pid_t parent : next) {
      auto [first, last] = children.equal_range(parent);
      for (auto it = first; it != last; ++it) {
        const auto [child, dead] = it->second;
        level.push_back(child);
        if (!dead) found.push_back(child);
      }
      children.erase(first, last);  // a loop (PIDs recycled while reading) ends here
    }
    next = std::move(level);
  }
  return found;
}

std::optional<ProcessIdentity> identify(pid_t pid) {
  const auto stat = read_stat(pid);
  if (!stat || is_dead(*stat)) return std::nullopt;
  return ProcessIdentity{pid, stat->start_ticks};
}

bool is_alive(const ProcessIdentity& process) { return identify(process.pid) == process; }

bool is_contained(pid_t pid) {
  const size_t its = count_pids(std::to_string(pid));
  return its == 0 || its > count_pids("self");
}

std::vector<pid_t> processes_with(const std::string& name, const std::string& variable,
                                  const std::string& value) {
  const std::string wanted = std::string(1, '\0') + variable + "=" + value + std::string(1, '\0');
  std::vector<pid_t> found;
  for (pid_t pid : all_pids()) {
    const std::string dir = "/proc/" + std::to_string(pid);
    const auto comm = read_file(dir + "/comm");
    if (!comm || !comm->starts_with(name)) continue;
    const auto variables = read_file(dir + "/environ");
    if (!variables || !identify(pid)) continue;
    if ((std::string(1, '\0') + *variables).find(wanted) != std::string::npos) {
      found.push_back(pid);
    }
  }
  return found;
}

}  // namespace corun
