#include "monitoring/proc_table.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "containers/process_container.h"
#include "core/files.h"

namespace corun::monitoring {

namespace {

/// "btime 1700000000" of /proc/stat.
double read_boot_time(const std::filesystem::path& proc) {
  const std::string text = read_file(proc / "stat").value_or("");
  const size_t at = text.find("btime ");
  if (at == std::string::npos) return 0;
  const char* begin = text.data() + at + 6;
  double value = 0;
  std::from_chars(begin, text.data() + text.size(), value);
  return value;
}

}  // namespace

std::string user_name(uint32_t user) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? std::string(found->pw_name) : std::to_string(user);
}

ProcTable::ProcTable(std::filesystem::path proc, bool trust_pids)
    : proc_(std::move(proc)),
      trust_pids_(trust_pids),
      boot_time_(read_boot_time(proc_)),
      ticks_per_second_(static_cast<double>(sysconf(_SC_CLK_TCK))) {}

bool ProcTable::has_driver(int pid) const {
  const auto maps = read_file(proc_ / std::to_string(pid) / "maps");
  return maps && maps->find("libcuda.so") != std::string::npos;
}

std::optional<ProcessFacts> ProcTable::read(int pid, const containers::ProcStat& stat) const {
  const auto folder = proc_ / std::to_string(pid);
  if (!trust_pids_ && !has_driver(pid)) return std::nullopt;
  ProcessFacts facts;
  facts.start_ticks = stat.start_ticks;
  facts.name = stat.name;
  facts.started = boot_time_ + static_cast<double>(stat.start_ticks) / ticks_per_second_;
  facts.command = containers::command_of(read_file(folder / "cmdline").value_or(""));
  if (const auto status =
          containers::parse_proc_status(read_file(folder / "status").value_or(""))) {
    facts.uid = status->user;
    facts.user = monitoring::user_name(status->user);
  }
  facts.container = containers::container_of_process(proc_, pid);
  return facts;
}

const ProcessFacts* ProcTable::find(int pid) {
  const auto known = known_.find(pid);
  const auto stat =
      containers::parse_proc_stat(read_file(proc_ / std::to_string(pid) / "stat").value_or(""));
  if (!stat) return known != known_.end() ? &known->second : nullptr;
  if (known != known_.end() && known->second.start_ticks == stat->start_ticks) {
    return &known->second;
  }
  auto facts = read(pid, *stat);
  shared_.reset();
  if (!facts) {
    known_.erase(pid);
    return nullptr;
  }
  return &(known_[pid] = std::move(*facts));
}

void ProcTable::keep_only(const std::set<int>& pids) {
  const auto gone = [&pids](const auto& entry) { return !pids.contains(entry.first); };
  if (std::erase_if(known_, gone) > 0) shared_.reset();
}

std::shared_ptr<const ProcessMap> ProcTable::known() {
  if (!shared_) shared_ = std::make_shared<const ProcessMap>(known_);
  return shared_;
}

}  // namespace corun::monitoring
