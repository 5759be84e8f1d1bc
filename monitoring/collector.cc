#include "monitoring/collector.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "gpu/processes.h"
#include "monitoring/assembler.h"
#include "monitoring/gpu_watch.h"
#include "monitoring/process_looks.h"

namespace corun::monitoring {

namespace {

constexpr Nanos kCpuWindow = std::chrono::seconds(2);

Nanos process_cpu_time() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto nanos = [](const timeval& t) {
    return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  };
  return nanos(usage.ru_utime) + nanos(usage.ru_stime);
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

Node node_of(const std::vector<GpuInfo>& gpus, const CollectorOptions& options) {
  Node node;
  node.hostname = host_name();
  node.version = options.version;
  node.collector.hz = options.hz;
  if (gpus.empty()) return node;
  node.driver = gpus.front().driver;
  node.simulated = gpus.front().simulated;
  return node;
}

}  // namespace

struct Collector::State {
  State(const std::shared_ptr<const gpu::Nvml>& nvml, const std::vector<GpuInfo>& gpus,
        CollectorOptions given, Board& target)
      : options(std::move(given)),
        board(target),
        assembler(node_of(gpus, options), options.first_event),
        table(options.proc, gpu::PidView::of_this_process().host_namespace),
        names(options.engine_sockets) {
    for (const GpuInfo& info : gpus) {
      watches.push_back(std::make_unique<GpuWatch>(nvml, info, options.hz));
      daemons.emplace(info.uuid,
                      std::make_unique<DaemonWatch>(info, options.find_daemon, options.hz));
    }
  }

  void run();
  Readings read();
  void add_processes(Readings& readings);
  void add_cpu(Readings& readings);

  const CollectorOptions options;
  Board& board;
  Assembler assembler;
  ProcTable table;
  ContainerNames names;
  std::vector<std::unique_ptr<GpuWatch>> watches;
  std::map<std::string, std::unique_ptr<DaemonWatch>> daemons;

  // Of the thread:
  ProcessLooks looks;
  std::shared_ptr<const ProcessMap> facts;  ///< of the last cycle
  std::set<std::string> containers;         ///< ids of theirs
  Instant cpu_at;
  Nanos cpu_before{};
  std::optional<double> cpu_ratio;

  std::atomic<int64_t> cycle_ns{0};
  std::mutex mutex;
  std::condition_variable wake;
  bool stopping = false;  ///< guarded by mutex
  std::thread thread;
};

void Collector::State::add_processes(Readings& readings) {
  if (const auto due = looks.due(readings)) {
    table.keep_only(looks.wanted());
    for (const int pid : *due) table.find(pid);
  }
  readings.processes = table.known();
  if (readings.processes != facts) {
    facts = readings.processes;
    containers.clear();
    for (const auto& [pid, one] : *facts) {
      if (one.container) containers.insert(one.container->id);
    }
  }
  readings.names = names.find(containers);
}

void Collector::State::add_cpu(Readings& readings) {
  if (readings.now - cpu_at >= kCpuWindow) {
    const Nanos cpu = process_cpu_time();
    if (cpu_at.ns != 0)
      cpu_ratio = to_seconds(cpu - cpu_before) / to_seconds(readings.now - cpu_at);
    cpu_before = cpu;
    cpu_at = readings.now;
  }
  readings.cpu_ratio = cpu_ratio;
}

Readings Collector::State::read() {
  Readings readings;
  readings.now = monotonic_now();
  readings.unix_now = unix_now();
  for (const auto& watch : watches) readings.gpus.push_back(watch->take(readings.now));
  for (const auto& [uuid, daemon] : daemons) {
    if (auto reading = daemon->take()) readings.daemons.push_back(std::move(*reading));
  }
  add_processes(readings);
  add_cpu(readings);
  return readings;
}

void Collector::State::run() {
  const Nanos period = from_seconds(1 / options.hz);
  Instant due = monotonic_now() + period;
  std::unique_lock lock(mutex);
  while (!stopping) {
    if (wake.wait_for(lock, due - monotonic_now(), [this] { return stopping; })) return;
    lock.unlock();
    const Instant begin = monotonic_now();
    News news = assembler.assemble(read());
    cycle_ns = (monotonic_now() - begin).count();
    board.publish(std::move(news));
    lock.lock();
    // On the grid, without making up for cycles that were missed.
    const int64_t missed = std::max<int64_t>(0, (monotonic_now() - due) / period);
    due = due + period * (missed + 1);
  }
}

Collector::Collector(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([this] { state_->run(); });
}

std::unique_ptr<Collector> Collector::start(const std::shared_ptr<const gpu::Nvml>& nvml,
                                            const std::vector<GpuInfo>& gpus,
                                            CollectorOptions options, Board& board) {
  return std::unique_ptr<Collector>(
      new Collector(std::make_unique<State>(nvml, gpus, std::move(options), board)));
}

Collector::~Collector() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->wake.notify_all();
  }
  state_->thread.join();
}

std::optional<std::filesystem::path> Collector::daemon_folder(const std::string& gpu_uuid) const {
  const auto found = state_->daemons.find(gpu_uuid);
  return found == state_->daemons.end() ? std::nullopt : found->second->folder();
}

Nanos Collector::last_cycle() const { return Nanos(state_->cycle_ns.load()); }

}  // namespace corun::monitoring
