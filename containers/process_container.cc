#include "containers/process_container.h"

#include <charconv>

#include "containers/attribution.h"
#include "core/files.h"

namespace corun::containers {

namespace {

/// Processes between one of a container and the one that keeps the container, at most.
constexpr int kMaxAncestors = 64;

std::string text_of(const std::filesystem::path& proc, int pid, const char* file) {
  return read_file(proc / std::to_string(pid) / file).value_or("");
}

int parent_of(const std::filesystem::path& proc, int pid) {
  const auto stat = parse_proc_stat(text_of(proc, pid, "stat"));
  return stat ? stat->parent : 0;
}

}  // namespace

std::optional<Container> container_of_process(const std::filesystem::path& proc, int pid) {
  if (auto found = container_of(text_of(proc, pid, "cgroup"))) return found;
  int ancestor = parent_of(proc, pid);
  for (int i = 0; i < kMaxAncestors && ancestor > 1; ++i) {
    if (auto kept = container_kept_by(text_of(proc, ancestor, "cmdline"))) return kept;
    ancestor = parent_of(proc, ancestor);
  }
  return std::nullopt;
}

bool keeps_container(const std::filesystem::path& proc, int pid, const std::string& id) {
  const auto kept = container_kept_by(text_of(proc, pid, "cmdline"));
  return kept && kept->id == id;
}

std::optional<int> keeper_of_container(const std::filesystem::path& proc, const std::string& id) {
  std::error_code error;
  std::filesystem::directory_iterator it(proc, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename();
    int pid = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (code != std::errc() || *end != '\0') continue;
    if (keeps_container(proc, pid, id)) return pid;
  }
  return std::nullopt;
}

}  // namespace corun::containers
