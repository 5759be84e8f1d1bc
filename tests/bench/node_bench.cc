// The simulated node as its clients see it, and what sampling it costs.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <vector>

#include "core/stats/quantile.h"
#include "gpu/inventory.h"
#include "gpu/telemetry.h"
#include "tests/bench/sim_node.h"

namespace corun::bench {
namespace {

constexpr double kSeconds = 2;

/// Skips the benchmark with the error's text; returns whether there was one.
bool skipped(benchmark::State& state, const Status& status) {
  if (status) return false;
  state.SkipWithError(status.error().text().c_str());
  return true;
}

template <typename T>
Status status_of(const Result<T>& result) {
  if (result) return {};
  return result.error();
}

/// Clients are processes, as on a real node: this program with --launch-client.
Result<double> rate_of_clients(int64_t clients) {
  ProcessOptions options;
  options.argv = {std::filesystem::read_symlink("/proc/self/exe").string(), "--launch-client"};
  options.out = Stream::pipe();
  std::vector<Process> processes;
  for (int64_t i = 0; i < clients; ++i) {
    CORUN_ASSIGN(Process process, Process::start(options));
    processes.push_back(std::move(process));
  }
  double sum = 0;
  for (Process& process : processes) {
    const auto ended = process.wait(std::chrono::seconds(60));
    if (!ended || !ended->ok()) return failed("a launching client failed");
    char text[64];
    const ssize_t size = read(process.out_fd(), text, sizeof text);
    double rate = 0;
    if (size <= 0 || std::from_chars(text, text + size, rate).ec != std::errc()) {
      return failed("a launching client printed no rate");
    }
    sum += rate;
  }
  return sum;
}

void launches(benchmark::State& state) {
  const auto node = SimNode::start();
  if (skipped(state, status_of(node))) return;
  for (auto unused : state) {
    (void)unused;
    const auto rate = rate_of_clients(state.range(0));
    if (skipped(state, status_of(rate))) return;
    state.counters["launches/s"] = *rate;
  }
}
BENCHMARK(launches)->Arg(1)->Arg(2)->Arg(4)->Iterations(1)->Unit(benchmark::kSecond)->UseRealTime();

/// One short kernel at a time, timed by events: what the host waited beyond the device's own time.
/// It holds launch, wake-up and lateness of the completion, so it is an upper bound of the latter.
Result<std::vector<double>> waits_us(Client& client, int count) {
  CORUN_ASSIGN(gpu::Event begin, gpu::Event::create(*client.driver));
  CORUN_ASSIGN(gpu::Event end, gpu::Event::create(*client.driver));
  std::vector<double> waits;
  for (int i = 0; i < count; ++i) {
    const Instant start = monotonic_now();
    CORUN_TRY(begin.record(client.stream.get()));
    CORUN_TRY(client.kernels.burn(client.stream.get(), 132, client.argument(), 2000));
    CORUN_TRY(end.record(client.stream.get()));
    CORUN_TRY(end.synchronize());
    const Instant seen = monotonic_now();
    CORUN_ASSIGN(const Nanos device, end.since(begin));
    waits.push_back(to_micros(seen - start - device));
  }
  std::sort(waits.begin(), waits.end());
  return waits;
}

void event_lateness(benchmark::State& state) {
  const auto node = SimNode::start();
  if (skipped(state, status_of(node))) return;
  auto client = Client::open();
  if (skipped(state, status_of(client))) return;
  for (auto unused : state) {
    (void)unused;
    const auto waits = waits_us(*client, 2000);
    if (skipped(state, status_of(waits))) return;
    state.counters["p50_us"] = stats::quantile_of_sorted(*waits, 0.5);
    state.counters["p99_us"] = stats::quantile_of_sorted(*waits, 0.99);
  }
}
BENCHMARK(event_lateness)->Iterations(1)->Unit(benchmark::kSecond)->UseRealTime();

Result<gpu::Telemetry::Cost> sample(double seconds) {
  CORUN_ASSIGN(const std::vector<GpuInfo> gpus, gpu::list_gpus());
  CORUN_ASSIGN(std::unique_ptr<gpu::Nvml> loaded, gpu::Nvml::load());
  const std::shared_ptr<const gpu::Nvml> nvml = std::move(loaded);
  CORUN_ASSIGN(const std::unique_ptr<gpu::Telemetry> telemetry,
               gpu::Telemetry::start(nvml, gpus.front()));
  sleep_until(monotonic_now() + from_seconds(seconds));
  return telemetry->cost();
}

void sampler(benchmark::State& state) {
  const auto node = SimNode::start();
  if (skipped(state, status_of(node))) return;
  for (auto unused : state) {
    (void)unused;
    const auto cost = sample(5 * kSeconds);
    if (skipped(state, status_of(cost))) return;
    state.counters["core_percent"] = 100 * to_seconds((*cost).cpu) / (5 * kSeconds);
    state.counters["readings"] = static_cast<double>((*cost).readings);
    state.counters["late"] = static_cast<double>((*cost).late);
  }
}
BENCHMARK(sampler)->Iterations(1)->Unit(benchmark::kSecond)->UseRealTime();

}  // namespace
}  // namespace corun::bench
