#include "core/cpus.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "core/check.h"
#include "core/files.h"

namespace corun {

namespace fs = std::filesystem;

namespace {

constexpr int kMaxCpus = 8192;

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc()) return std::nullopt;
  return value;
}

template <typename T>
std::optional<T> read_number(const fs::path& path) {
  const auto text = read_file(path);
  return text ? parse_number<T>(*text) : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// CPUs that one cgroup folder allows, or nothing when it sets no limit.
std::optional<double> quota_of(const fs::path& folder) {
  if (const auto text = read_file(folder / "cpu.max")) {  // "200000 100000" or "max 100000"
    const auto words = split(*text, ' ');
    const auto quota = parse_number<double>(words[0]);
    const auto period = words.size() > 1 ? parse_number<double>(words[1]) : std::nullopt;
    if (quota && period && *period > 0) return *quota / *period;
    return std::nullopt;
  }
  const auto quota = read_number<double>(folder / "cpu.cfs_quota_us");
  const auto period = read_number<double>(folder / "cpu.cfs_period_us");
  if (quota && period && *quota > 0 && *period > 0) return *quota / *period;
  return std::nullopt;
}

/// Where the CPU controller is mounted, and our path in it, per line of /proc/self/cgroup.
std::vector<std::pair<fs::path, fs::path>> cpu_cgroups(const fs::path& root) {
  std::vector<std::pair<fs::path, fs::path>> found;
  const auto text = read_file(root / "proc/self/cgroup");
  if (!text) return found;
  const fs::path base = root / "sys/fs/cgroup";
  for (std::string_view line : split(*text, '\n')) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const std::string_view path = line.substr(fields[0].size() + fields[1].size() + 2);
    const fs::path relative = fs::path(path).relative_path();
    if (fields[1].empty()) found.emplace_back(base, relative);
    for (std::string_view controller : split(fields[1], ',')) {
      if (controller == "cpu") found.emplace_back(base / fields[1], relative);
    }
  }
  return found;
}

/// The tightest limit on the way from our cgroup to the root of its mount.
std::optional<double> cgroup_quota(const fs::path& root) {
  std::optional<double> tightest;
  const auto apply = [&tightest](std::optional<double> quota) {
    if (quota && (!tightest || *quota < *tightest)) tightest = quota;
  };
  for (auto [mount, path] : cpu_cgroups(root)) {
    for (; !path.empty(); path = path.parent_path()) apply(quota_of(mount / path));
    apply(quota_of(mount));
  }
  return tightest;
}

std::string text_of(int count, const char* one, const char* many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

/// Everybody on everything, or on all but the harness's CPU.
CpuPlan shared_plan(const CpuBudget& budget, int tenants, int usable) {
  constexpr int kEnoughForHarness = 4;
  CpuPlan plan;
  plan.harness = budget.all();
  std::vector<int> rest = plan.harness;
  if (usable >= kEnoughForHarness) {
    plan.harness.resize(1);
    rest.erase(rest.begin());
  }
  plan.tenants.assign(static_cast<size_t>(tenants), rest);
  plan.note =
      fmt::format("{} on {}: not pinned, rows that had to wait are marked cpu_bound",
                  text_of(tenants, "workload", "workloads"),
                  text_of(std::min<int>(usable, static_cast<int>(rest.size())), "CPU", "CPUs"));
  return plan;
}

}  // namespace

int CpuBudget::cpu_count() const { return static_cast<int>(all().size()); }

std::vector<int> CpuBudget::all() const {
  std::vector<int> cpus;
  for (const auto& core : cores) cpus.insert(cpus.end(), core.begin(), core.end());
  return cpus;
}

CpuBudget cpu_budget(const std::vector<int>& allowed, const fs::path& root) {
  std::map<std::pair<int, int>, std::vector<int>> cores;  // (package, core) -> CPUs
  for (int cpu : allowed) {
    const fs::path topology = root / fmt::format("sys/devices/system/cpu/cpu{}/topology", cpu);
    const int package = read_number<int>(topology / "physical_package_id").value_or(0);
    // Numbers of unknown cores lie above those of any known one.
    const int core = read_number<int>(topology / "core_id").value_or(kMaxCpus + cpu);
    cores[{package, core}].push_back(cpu);
  }
  CpuBudget budget;
  for (auto& [key, cpus] : cores) budget.cores.push_back(std::move(cpus));
  budget.quota = cgroup_quota(root);
  return budget;
}

Result<CpuBudget> available_cpus() {
  std::vector<unsigned char> bits(kMaxCpus / 8);
  auto* set = reinterpret_cast<cpu_set_t*>(bits.data());
  if (sched_getaffinity(0, bits.size(), set) != 0) {
    return failed(std::string("cannot read the CPU affinity: ") + std::strerror(errno));
  }
  std::vector<int> allowed;
  for (size_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (CPU_ISSET_S(cpu, bits.size(), set)) allowed.push_back(static_cast<int>(cpu));
  }
  return cpu_budget(allowed, "/");
}

CpuPlan partition_cpus(const CpuBudget& budget, int tenants, int largest) {
  CORUN_CHECK(tenants >= 1 && !budget.cores.empty(), "nobody, or nothing, to partition");
  int usable = budget.cpu_count();
  if (budget.quota) usable = std::clamp(static_cast<int>(*budget.quota), 1, usable);
  size_t per_core = 1;
  for (const auto& core : budget.cores) per_core = std::max(per_core, core.size());
  // Whole cores where everybody can have one, so that no two tenants meet in one core.
  std::vector<std::vector<int>> units = budget.cores;
  int unit_count = std::min(static_cast<int>(units.size()), usable / static_cast<int>(per_core));
  if (unit_count < tenants + 1) {
    units.clear();
    for (int cpu : budget.all()) units.push_back({cpu});
    unit_count = usable;
  }
  const int each = (unit_count - 1) / tenants;
  const bool largest_fits = std::max(tenants, largest) <= usable - 1;
  if (each < 1 || !largest_fits) return shared_plan(budget, tenants, usable);
  CpuPlan plan;
  plan.pinned = true;
  plan.tenants.resize(static_cast<size_t>(tenants));
  const int first = unit_count - each * tenants;  // the remainder stays with the harness
  for (int i = 0; i < unit_count; ++i) {
    const auto& unit = units[static_cast<size_t>(i)];
    auto& owner = i < first ? plan.harness : plan.tenants[static_cast<size_t>((i - first) / each)];
    owner.insert(owner.end(), unit.begin(), unit.end());
  }
  return plan;
}

Status pin_this_process(std::span<const int> cpus) {
  std::vector<unsigned char> bits(kMaxCpus / 8);
  auto* set = reinterpret_cast<cpu_set_t*>(bits.data());
  for (int cpu : cpus) CPU_SET_S(static_cast<size_t>(cpu), bits.size(), set);
  std::error_code error;
  for (fs::directory_iterator it("/proc/self/task", error), end; !error && it != end;
       it.increment(error)) {
    const auto thread = parse_number<pid_t>(it->path().filename().string());
    if (!thread || sched_setaffinity(*thread, bits.size(), set) == 0 || errno == ESRCH) continue;
    return failed(std::string("cannot pin to CPUs: ") + std::strerror(errno));
  }
  if (error) return failed("cannot list the threads of this process: " + error.message());
  return {};
}

Result<CpuSample> sample_cpu(std::span<const pid_t> pids, Instant now) {
  CpuSample sample;
  sample.at = now;
  if (!fs::exists("/proc/self/schedstat")) {
    return unsupported("this kernel tells no scheduler statistics (/proc/PID/schedstat)");
  }
  for (pid_t pid : pids) {
    const fs::path tasks = fmt::format("/proc/{}/task", pid);
    std::error_code error;
    for (fs::directory_iterator it(tasks, error), end; !error && it != end; it.increment(error)) {
      const auto thread = parse_number<pid_t>(it->path().filename().string());
      const auto text = read_file(it->path() / "schedstat");
      if (!thread || !text) continue;
      const auto words = split(*text, ' ');
      if (words.size() < 2) continue;
      sample.threads[*thread] = {Nanos(parse_number<int64_t>(words[0]).value_or(0)),
                                 Nanos(parse_number<int64_t>(words[1]).value_or(0))};
    }
  }
  if (const auto pressure = read_file("/proc/pressure/cpu")) {
    const size_t total = pressure->find("total=");  // of the first line, "some"
    if (total != std::string::npos) {
      const auto us = parse_number<int64_t>(std::string_view(*pressure).substr(total + 6));
      if (us) sample.system_stall = std::chrono::microseconds(*us);
    }
  }
  return sample;
}

CpuPressure cpu_pressure(const CpuSample& before, const CpuSample& after) {
  CpuPressure pressure;
  const double window = to_seconds(after.at - before.at);
  if (window <= 0) return pressure;
  for (const auto& [thread, end] : after.threads) {
    const auto found = before.threads.find(thread);
    CpuSample::Thread start = found == before.threads.end() ? CpuSample::Thread{} : found->second;
    // A number that was recycled for a new thread counts from zero.
    if (end.cpu < start.cpu || end.delay < start.delay) start = {};
    const double delay = to_seconds(end.delay - start.delay) / window;
    pressure.cpu_share += to_seconds(end.cpu - start.cpu) / window;
    pressure.delay_share += delay;
    pressure.worst_thread_delay = std::max(pressure.worst_thread_delay, delay);
  }
  if (before.system_stall && after.system_stall) {
    pressure.system_stall_share = to_seconds(*after.system_stall - *before.system_stall) / window;
  }
  pressure.cpu_bound = pressure.worst_thread_delay > kCpuBoundDelay;
  return pressure;
}

}  // namespace corun
