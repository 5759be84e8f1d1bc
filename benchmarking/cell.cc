#include "benchmarking/cell.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/files.h"
#include "core/log.h"
#include "core/process_tree.h"
#include "modes/applied.h"

namespace corun::benchmarking {

namespace {

// A process of the cell before may still be on its way out.
constexpr Nanos kForeignGrace = std::chrono::seconds(2);
// Longer than the slow period of the telemetry (gpu/telemetry.h).
constexpr Nanos kLastReading = std::chrono::milliseconds(300);

std::vector<Share> shares_of(const std::vector<TenantSpec>& tenants) {
  std::vector<Share> shares;
  for (const TenantSpec& tenant : tenants) {
    const WorkloadSpec& w = tenant.workload;
    shares.push_back({.workload = w.name,
                      .service_class = w.service_class,
                      .weight = w.weight,
                      .memory_limit_bytes = w.memory_limit_bytes,
                      .thread_percentage = w.thread_percentage,
                      .latency_target_ms = w.latency_target_ms});
  }
  return shares;
}

class CellRun {
 public:
  CellRun(const CellSite& site, const CellRequest& request)
      : site_(site), request_(request), group_(site.interrupt, site.tick) {}

  CellOutcome run();

 private:
  Status set_up();
  Status start_tenants(const std::filesystem::path& channel_dir);
  Passage drive();
  Passage measure();
  void look_for_strangers();
  void check_mode();
  std::vector<modes::Tenant> mode_tenants() const;
  std::map<std::string, ManagedFigures> observe();
  void note_processes();
  void tear_down();
  void collect();
  std::vector<int> our_pids() const;

  const CellSite& site_;
  const CellRequest& request_;
  TenantGroup group_;
  CellOutcome outcome_;
  std::vector<TenantWindow> windows_;
  std::vector<std::vector<int>> pids_;
  std::vector<std::optional<uint64_t>> memory_;
  std::map<std::string, ManagedFigures> counted_before_, counted_after_;
  std::set<std::string> strangers_;
  std::optional<modes::AppliedPlan> applied_;  ///< engaged while the mode is in force
  std::string mps_pipe_;                       ///< pipe directory that the mode gives its tenants
};

// The mode's own server is a process on the GPU too, and no child of ours when it is a daemon.
std::vector<int> CellRun::our_pids() const {
  std::vector<int> pids = group_.pids();
  std::vector<pid_t> own = descendants_of(getpid());
  pids.insert(pids.end(), own.begin(), own.end());
  pids.push_back(getpid());
  if (!mps_pipe_.empty()) {
    auto servers = processes_with("nvidia-cuda-mps", "CUDA_MPS_PIPE_DIRECTORY", mps_pipe_);
    pids.insert(pids.end(), servers.begin(), servers.end());
  }
  return pids;
}

void CellRun::look_for_strangers() {
  std::vector<int> ours = our_pids();
  Instant deadline = monotonic_now() + kForeignGrace;
  while (true) {
    auto on_gpu = site_.watch->processes();
    if (!on_gpu) return;  // a driver that does not tell is in env.json, not in every cell
    auto foreign = site_.watch->foreign(*on_gpu, ours);
    if (foreign.empty()) return;
    if (group_.wait_until(std::min(deadline, monotonic_now() + std::chrono::milliseconds(100))) !=
            TenantGroup::Wait::kReached ||
        monotonic_now() >= deadline) {
      strangers_.insert(foreign.begin(), foreign.end());
      return;
    }
  }
}

Status CellRun::set_up() {
  std::vector<Share> shares = shares_of(request_.tenants);
  CORUN_ASSIGN(modes::Plan plan, request_.mode->plan(site_.gpu, shares));
  CORUN_ASSIGN(applied_, modes::AppliedPlan::apply(*request_.mode, std::move(plan)));
  return {};
}

Status CellRun::start_tenants(const std::filesystem::path& channel_dir) {
  CpuPlan cpus =
      partition_cpus(site_.cpus, static_cast<int>(request_.tenants.size()), site_.largest_mix);
  // What the harness does must not take processor time from what it measures.
  CORUN_TRY(pin_this_process(cpus.harness));
  std::vector<Share> shares = shares_of(request_.tenants);
  for (size_t i = 0; i < request_.tenants.size(); ++i) {
    TenantPlace place;
    place.channel_dir = channel_dir;
    place.program_dir = site_.program_dir;
    place.log_file = site_.log_dir / fmt::format("{}.{}.log", request_.id, shares[i].workload);
    Edits edits = request_.mode->edits(applied_->plan(), shares[i]);
    place.prepend_env = site_.node_prepend_env;
    for (const auto& [key, value] : edits.prepend_env) {
      std::string& behind = place.prepend_env[key];
      behind = behind.empty() ? value : fmt::format("{}:{}", value, behind);
    }
    for (const auto& [key, value] : edits.env) {
      place.env[key] = value;
      if (key == "CUDA_MPS_PIPE_DIRECTORY") mps_pipe_ = value;
    }
    place.container = site_.container;
    auto& mounts = place.container.mounts;
    mounts.insert(mounts.end(), edits.mounts.begin(), edits.mounts.end());
    place.container.devices = edits.devices;
    place.cpus = cpus.tenants.at(i);
    auto tenant = Tenant::start(request_.tenants[i], place, monotonic_now());
    if (!tenant) {
      return Error{tenant.error().kind,
                   fmt::format("{}: {}", shares[i].workload, tenant.error().what),
                   tenant.error().todo};
    }
    group_.tenants().push_back(std::move(*tenant));
  }
  return {};
}

std::vector<modes::Tenant> CellRun::mode_tenants() const {
  std::vector<modes::Tenant> tenants;
  for (const Tenant& tenant : group_.tenants()) {
    tenants.push_back({.workload = tenant.name(), .pids = tenant.pids()});
  }
  return tenants;
}

// What the mode's daemon counted until now; a daemon that does not answer voids the cell.
std::map<std::string, ManagedFigures> CellRun::observe() {
  auto counted = request_.mode->observe(applied_->plan(), mode_tenants());
  if (counted) return std::move(*counted);
  if (!outcome_.mode_error) outcome_.mode_error = counted.error().what;
  return {};
}

void CellRun::check_mode() {
  if (outcome_.mode_error || !applied_) return;
  Status status = request_.mode->check(applied_->plan(), mode_tenants());
  if (!status) outcome_.mode_error = status.error().what;
}

// While all tenants are still there: who is on the GPU, and with how much memory.
void CellRun::note_processes() {
  for (size_t i = 0; i < group_.tenants().size(); ++i) pids_[i] = group_.tenants()[i].pids();
  auto on_gpu = site_.watch->processes();
  if (!on_gpu) return;
  auto foreign = site_.watch->foreign(*on_gpu, our_pids());
  strangers_.insert(foreign.begin(), foreign.end());
  for (size_t i = 0; i < pids_.size(); ++i) {
    for (const GpuProcess& process : *on_gpu) {
      bool its = std::find(pids_[i].begin(), pids_[i].end(), process.pid) != pids_[i].end();
      if (its && process.memory_bytes) memory_[i] = memory_[i].value_or(0) + *process.memory_bytes;
    }
  }
}

Passage CellRun::measure() {
  Passage passage =
      outcome_.took_turns
          ? run_in_turns(group_, site_.windows, request_.seeds, windows_)
          : run_together(group_, site_.windows, request_.seeds, windows_, [this] { check_mode(); });
  if (passage != Passage::kPassed) return passage;
  outcome_.begin = windows_.front().begin;
  outcome_.end = windows_.back().begin + from_seconds(windows_.back().seconds);
  counted_after_ = observe();
  // The energy counter is read rarely: its value at the end lies between two readings.
  bool calm = group_.wait_until(outcome_.end + kLastReading) == TenantGroup::Wait::kReached;
  if (calm) return Passage::kPassed;
  return group_.any_failed() ? Passage::kTenantFailed : Passage::kInterrupted;
}

Passage CellRun::drive() {
  Passage passage = initialise(group_, *site_.watch, site_.windows);
  if (passage == Passage::kPassed) passage = warm_up(group_, site_.windows);
  if (passage != Passage::kPassed) return passage;
  check_mode();
  if (outcome_.mode_error) return Passage::kTenantFailed;
  counted_before_ = observe();
  passage = measure();
  if (passage != Passage::kPassed) return passage;
  note_processes();
  return passage;
}

void CellRun::tear_down() {
  group_.stop_all(site_.windows.patience / 2);
  if (Status unpinned = pin_this_process(site_.cpus.all()); !unpinned) {
    log::debug("{}", unpinned.error().text());
  }
  if (!applied_) return;
  Status undone = applied_->undo();
  if (!undone) outcome_.undo_error = undone.error().what;
}

void CellRun::collect() {
  for (size_t i = 0; i < request_.tenants.size(); ++i) {
    TenantResult result;
    result.spec = request_.tenants[i];
    if (i < group_.tenants().size()) {
      const Tenant& tenant = group_.tenants()[i];
      result.record = tenant.record();
      result.window = windows_[i];
      result.failure = tenant.failure();
      result.failure_text = tenant.failure_text();
      result.silent = !tenant.speaks();
      result.pids = pids_[i];
      result.memory_bytes = memory_[i];
      const auto after = counted_after_.find(tenant.name());
      if (after != counted_after_.end()) {
        result.managed = since(counted_before_[tenant.name()], after->second);
      }
    }
    outcome_.tenants.push_back(std::move(result));
  }
  outcome_.snapshots = site_.watch->take_snapshots();
  outcome_.gpu_events = site_.watch->take_events();
  outcome_.foreign_processes = {strangers_.begin(), strangers_.end()};
}

CellOutcome CellRun::run() {
  size_t n = request_.tenants.size();
  windows_.resize(n);
  pids_.resize(n);
  memory_.resize(n);
  outcome_.took_turns = request_.mode->takes_turns() && n > 1;
  site_.watch->take_snapshots();  // those between two cells belong to neither
  site_.watch->take_events();
  look_for_strangers();
  auto channels = TemporaryFolder::create("corun-cell-");
  Status ready = channels ? set_up() : Status(channels.error());
  if (ready) ready = start_tenants(channels->path());
  if (ready) {
    Passage passage = drive();
    outcome_.interrupted = passage == Passage::kInterrupted;
    // A workload often fails because its mode broke down: then that is the reason to tell.
    if (passage != Passage::kInterrupted) check_mode();
  } else {
    outcome_.setup_error = ready.error().text();
  }
  tear_down();
  collect();
  return std::move(outcome_);
}

}  // namespace

CellOutcome run_cell(const CellSite& site, const CellRequest& request) {
  return CellRun(site, request).run();
}

}  // namespace corun::benchmarking
