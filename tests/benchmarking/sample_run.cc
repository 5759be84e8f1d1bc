#include "sample_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/files.h"
#include "core/stats/fairness.h"
#include "core/stats/quantile.h"
#include "core/stats/random.h"

namespace corun::benchmarking {

namespace {

constexpr double kWindowS = 5;
constexpr double kOffered = 300;  // requests/s of each inference
constexpr double kTrainRate = 48;
constexpr int64_t kCellNs = 8'000'000'000;

/// Draws one cell after the other.
class Generator {
 public:
  explicit Generator(const SampleOptions& options) : options_(options), random_(options.seed) {}

  SampleRun run() {
    for (int rep = 0; rep < options_.repetitions; ++rep) {
      for (const int n : options_.sizes) {
        add_solo("train-1", n, rep);
        if (n > 1) add_solo("infer-1", n, rep);
        for (const char* mode : {"exclusive", "time-slicing", "mps"}) add_shared(mode, n, rep);
      }
    }
    return std::move(run_);
  }

 private:
  static bool is_infer(int i) { return i % 2 == 1; }
  static std::string name(int i) {
    return fmt::format("{}-{}", is_infer(i) ? "infer" : "train", i / 2 + 1);
  }

  /// Progress of a training that shares the GPU with n - 1 others.
  double train_progress(const std::string& mode, int n) {
    const double noise = std::exp(0.003 * random_.normal());
    const int trains = (n + 1) / 2;
    if (mode == "exclusive") return noise / n;
    if (mode == "mps") return noise * std::min(1.0, 1.25 / trains - 0.03 * n) / options_.slowdown;
    return noise * (n == 1 ? 1.0 : 0.91 / n) / options_.slowdown;
  }

  double latency_ms(const std::string& mode, int n) {
    const double alone = 1.1 * std::exp(0.12 * random_.normal());
    if (mode == "time-slicing" && n > 1) return alone + 2.0 * (n - 1) * random_.uniform();
    if (mode == "mps") return alone * (1 + 0.15 * (n - 1) * random_.exponential(1));
    return alone;
  }

  ResultRow row(const CellRecord& cell, const std::string& workload, bool infer) {
    ResultRow row;
    row.run = cell.run;
    row.gpu = "NVIDIA H100 80GB HBM3";
    row.driver = "580.159.04";
    row.simulated = true;
    row.mode = cell.mode;
    row.mix = cell.mix;
    row.n = cell.n;
    row.rep = cell.rep;
    row.cell = cell.cell;
    row.workload = workload;
    row.kind = infer ? WorkloadKind::kInference : WorkloadKind::kTraining;
    row.service_class = infer ? ServiceClass::kLatencyCritical : ServiceClass::kBestEffort;
    row.unit = infer ? "requests/s" : "samples/s";
    row.window_seconds = kWindowS;
    row.memory_bytes = infer ? 2'400'000'000U : 9'100'000'000U;
    row.checksum = "9f0c";
    row.checksum_ok = true;
    return row;
  }

  void fill_infer(ResultRow& row, const std::string& mode, int n) {
    SampleRun::Samples samples{row.cell, row.workload, {}};
    std::vector<double> ms;
    double t = 0;
    while ((t += random_.exponential(1 / kOffered)) < kWindowS) {
      ms.push_back(latency_ms(mode, n));
      samples.requests.scheduled_us.push_back(std::floor(t * 1e6));
      samples.requests.start_us.push_back(std::floor(t * 1e6) + 20);
      samples.requests.end_us.push_back(std::floor(t * 1e6 + ms.back() * 1e3));
    }
    std::sort(ms.begin(), ms.end());
    row.latency_ms = LatencySummary{ms.size(),
                                    stats::quantile_estimate(ms, 0.50),
                                    stats::quantile_estimate(ms, 0.90),
                                    stats::quantile_estimate(ms, 0.95),
                                    stats::quantile_estimate(ms, 0.99),
                                    stats::quantile_estimate(ms, 0.999)};
    row.offered = kOffered;
    row.throughput = static_cast<double>(ms.size()) / kWindowS;
    if (mode != "solo") row.progress = Estimate{*row.throughput / kOffered, {}, {}};
    run_.samples.push_back(std::move(samples));
  }

  CellRecord new_cell(const std::string& id, const std::string& mode, int n, int rep) {
    CellRecord cell;
    cell.run = options_.run;
    cell.cell = id;
    cell.mode = mode;
    cell.mix = fmt::format("cycle-{}", n);
    cell.n = mode == "solo" ? 1 : n;
    cell.rep = rep;
    cell.simulated = true;
    cell.telemetry_begin_ns = now_ns_;
    cell.window_begin_ns = now_ns_ + 2'000'000'000;
    cell.window_end_ns = cell.window_begin_ns + static_cast<int64_t>(kWindowS * 1e9);
    now_ns_ += kCellNs;
    cell.telemetry_end_ns = now_ns_;
    return cell;
  }

  void finish(CellRecord cell, double sm_active) {
    cell.utilization_nvml = 1.0;
    cell.sm_active = sm_active;
    cell.memory_used_bytes = uint64_t{9'000'000'000} * static_cast<uint64_t>(cell.n);
    const double power = 90 + 500 * sm_active;
    cell.idle_power_w = 90;
    cell.energy_j = power * kWindowS;
    cell.energy_above_idle_j = (power - 90) * kWindowS;
    for (int64_t t = cell.telemetry_begin_ns; t < cell.telemetry_end_ns; t += 200'000'000) {
      const bool busy = t >= cell.window_begin_ns - 1'000'000'000 && t < cell.window_end_ns;
      TelemetryRecord record;
      record.cell = cell.cell;
      record.snapshot.at.ns = t;
      record.snapshot.utilization_nvml = busy ? 1.0 : 0.0;
      record.snapshot.sm_active = busy ? sm_active * (0.95 + 0.1 * random_.uniform()) : 0.0;
      record.snapshot.memory_used_bytes = busy ? *cell.memory_used_bytes : 900'000'000U;
      record.snapshot.power_w = busy ? power + 10 * random_.normal() : 90 + random_.normal();
      run_.results.telemetry.push_back(record);
    }
    run_.results.cells.push_back(std::move(cell));
  }

  void add_solo(const std::string& workload, int n, int rep) {
    CellRecord cell = new_cell(fmt::format("solo-{}-{}-{}", workload, n, rep), "solo", n, rep);
    const bool infer = workload.starts_with("infer");
    ResultRow r = row(cell, workload, infer);
    if (infer) {
      fill_infer(r, "solo", 1);
    } else {
      r.throughput = kTrainRate * std::exp(0.002 * random_.normal());
    }
    run_.results.rows.push_back(r);
    finish(std::move(cell), infer ? 0.2 : 0.7);
  }

  void add_shared(const std::string& mode, int n, int rep) {
    CellRecord cell = new_cell(fmt::format("{}-cycle-{}-{}", mode, n, rep), mode, n, rep);
    std::vector<double> closed;
    std::vector<double> all;
    for (int i = 0; i < n; ++i) {
      ResultRow r = row(cell, name(i), is_infer(i));
      if (is_infer(i)) {
        fill_infer(r, mode, n);
      } else {
        const double x = train_progress(mode, n);
        r.progress = Estimate{x, {}, {}};
        r.throughput = x * kTrainRate;
        closed.push_back(x);
      }
      all.push_back(r.progress->value);
      run_.results.rows.push_back(r);
    }
    cell.stp = stats::stp(closed);
    cell.tax = 1 - *cell.stp;
    cell.antt = stats::antt(all);
    cell.worst_progress = stats::worst_progress(all);
    cell.jain = stats::jain(all);
    cell.jain_1s = *cell.jain * 0.98;
    cell.bracket_drift = 0.004;
    if (options_.with_void_cell && mode == "mps" && rep == 1) {
      cell.valid = false;
      cell.reason = "a foreign process (PID 4711) used the GPU in the window";
    }
    finish(std::move(cell), mode == "exclusive" ? 0.7 : 0.8);
  }

  SampleOptions options_;
  stats::Random random_;
  SampleRun run_;
  int64_t now_ns_ = 100'000'000'000;
};

Json environment_json(const SampleOptions& options) {
  return {{"run", options.run},
          {"started", "2026-01-31T12:00:00Z"},
          {"command_line", Json::array({"corun", "bench", "--mode", "all", "--workloads", "2"})},
          {"corun", "0.1.0"},
          {"seed", options.seed},
          {"gpu", {{"name", "NVIDIA H100 80GB HBM3"}, {"driver", "580.159.04"}, {"cuda", "13.0"}}},
          {"kernel", "6.1.0"},
          {"waived", Json::array({{{"mode", "mig"}, {"reason", "MIG mode is disabled"}}})}};
}

}  // namespace

SampleRun sample_run(const SampleOptions& options) { return Generator(options).run(); }

Status write_sample_run(const SampleOptions& options, const std::filesystem::path& folder) {
  const SampleRun run = sample_run(options);
  for (const auto& row : run.results.rows) {
    CORUN_TRY(append_line(folder / kRowsFile, to_line(to_json(row))));
  }
  for (const auto& cell : run.results.cells) {
    CORUN_TRY(append_line(folder / kCellsFile, to_line(to_json(cell))));
  }
  std::string telemetry;
  for (const auto& record : run.results.telemetry) telemetry += to_line(to_json(record)) + "\n";
  CORUN_TRY(write_file_atomically(folder / kTelemetryFile, telemetry));
  for (const auto& s : run.samples) {
    CORUN_TRY(write_samples(samples_path(folder, s.cell, s.workload), s.requests));
  }
  return write_file_atomically(folder / kEnvFile, to_line(environment_json(options)));
}

}  // namespace corun::benchmarking
