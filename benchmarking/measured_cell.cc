#include "benchmarking/measured_cell.h"

#include <algorithm>
#include <cmath>

#include "core/stats/fairness.h"

namespace corun::benchmarking {

namespace {

constexpr double kJainWindow_s = 1.0;

std::optional<Estimate> scaled(const std::optional<Estimate>& estimate, double factor) {
  if (!estimate) return std::nullopt;
  Estimate result{estimate->value * factor, {}, {}};
  if (estimate->low) result.low = *estimate->low * factor;
  if (estimate->high) result.high = *estimate->high * factor;
  return result;
}

ResultRow base_row(const RunIdentity& run, const CellIdentity& identity, const TenantResult& tenant,
                   int n) {
  ResultRow row;
  row.run = run.run;
  row.gpu = run.gpu.name;
  row.driver = run.gpu.driver;
  row.simulated = run.gpu.simulated;
  row.mode = identity.mode;
  row.mix = identity.mix;
  row.n = n;
  row.rep = identity.rep;
  row.cell = identity.id;
  row.workload = tenant.spec.workload.name;
  row.kind = tenant.record.ready ? tenant.record.ready->kind : tenant.spec.workload.kind;
  row.service_class = tenant.spec.workload.service_class;
  if (tenant.record.ready) row.unit = tenant.record.ready->unit;
  return row;
}

void add_figures(ResultRow& row, const TenantFigures& figures, const TenantResult& tenant,
                 int turns) {
  // Tenants that take turns have the GPU for a part of the time: rates are over all turns.
  if (figures.rate) row.throughput = figures.rate->value / turns;
  if (figures.offered) row.offered = *figures.offered / turns;
  row.latency_ms = figures.latency_ms;
  row.service_ms = figures.service_ms;
  row.saturated = figures.saturated;
  row.generator_lag_p99_us = figures.generator_lag_p99_us;
  row.window_seconds = tenant.window.seconds;
  row.cpu_bound = tenant.window.pressure && tenant.window.pressure->cpu_bound;
  row.memory_bytes = tenant.memory_bytes;
  row.managed = tenant.managed;
  if (tenant.record.done) {
    const DoneMessage& done = *tenant.record.done;
    row.checksum = done.checksum;
    row.checksum_ok = done.checksum_ok;
    if (done.memory_bytes) row.memory_bytes = done.memory_bytes;
  }
}

TenantFacts facts_of(const TenantResult& tenant, const TenantFigures& figures) {
  TenantFacts facts;
  facts.workload = tenant.spec.workload.name;
  facts.failure = tenant.failure;
  facts.failure_text = tenant.failure_text;
  facts.window_s = tenant.window.seconds;
  if (!tenant.silent && facts.window_s > 0) {
    facts.longest_silence_s = longest_silence_s(tenant.record, facts.window_s);
  }
  facts.generator_lag_p99_us = figures.generator_lag_p99_us;
  if (tenant.record.done) facts.checksum_ok = tenant.record.done->checksum_ok;
  return facts;
}

void add_device(MeasuredCell& cell, const RunIdentity& run, const CellOutcome& outcome) {
  DeviceFigures device =
      device_figures(outcome.snapshots, outcome.begin, outcome.end, run.gpu.max_sm_clock_mhz);
  CellRecord& record = cell.record;
  record.utilization_nvml = device.utilization_nvml;
  record.sm_active = device.sm_active;
  record.memory_used_bytes = device.memory_used_bytes;
  record.energy_j = device.energy_j;
  record.idle_power_w = run.idle_power_w;
  if (device.energy_j && run.idle_power_w) {
    double idle_j = *run.idle_power_w * to_seconds(outcome.end - outcome.begin);
    record.energy_above_idle_j = *device.energy_j - idle_j;
  }
  record.power_coupled = !cell.identity.solo && (device.clock_reasons & kReasonPowerCap) != 0;
  cell.facts.clock_reasons = device.clock_reasons;
  cell.facts.lowest_clock_share = device.lowest_clock_share;
  for (size_t i = 0; i < cell.rows.size(); ++i) {
    const TenantResult& tenant = outcome.tenants[i];
    cell.rows[i].utilization_nvml = device.utilization_nvml;
    cell.rows[i].sm_active = device.sm_active;
    Instant end = tenant.window.begin + from_seconds(tenant.window.seconds);
    cell.rows[i].gpu_seconds =
        gpu_seconds(outcome.snapshots, tenant.window.begin, end, tenant.pids);
  }
}

void start_record(MeasuredCell& cell, const RunIdentity& run, const CellOutcome& outcome) {
  CellRecord& record = cell.record;
  record.run = run.run;
  record.cell = cell.identity.id;
  record.mode = cell.identity.mode;
  record.mix = cell.identity.mix;
  record.n = static_cast<int>(outcome.tenants.size());
  record.rep = cell.identity.rep;
  record.simulated = run.gpu.simulated;
  record.window_begin_ns = outcome.begin.ns;
  record.window_end_ns = outcome.end.ns;
  if (!outcome.snapshots.empty()) {
    record.telemetry_begin_ns = outcome.snapshots.front().at.ns;
    record.telemetry_end_ns = outcome.snapshots.back().at.ns;
  }
}

void add_aggregate(MeasuredCell& cell) {
  double sum = 0;
  for (const ResultRow& row : cell.rows) {
    bool same_unit = !row.unit.empty() && row.unit == cell.rows.front().unit;
    if (!row.throughput || !same_unit) return;
    sum += *row.throughput;
  }
  cell.record.aggregate = sum;
  cell.record.unit = cell.rows.front().unit;
}

// One workload against its solo runs.
void settle_tenant(MeasuredCell& cell, size_t i, const BracketBook& solos, bool complete) {
  ResultRow& row = cell.rows[i];
  TenantFacts& facts = cell.facts.tenants[i];
  Brackets brackets = solos.around(cell.solo_identities[i], cell.identity.rep);
  std::optional<SoloRun> solo = brackets.reference();
  facts.solo_p50_ms = solo ? solo->p50_ms : std::nullopt;
  facts.solo_p99_ms = solo ? solo->p99_ms : std::nullopt;
  facts.solo_rate_drift = brackets.rate_drift();
  facts.solo_p50_drift = brackets.p50_drift();
  facts.solo_missing = complete && !cell.silent[i] && (!brackets.before || !brackets.after);
  row.progress.reset();
  auto performance = scaled(cell.figures[i].performance(), 1.0 / cell.turns);
  if (solo && performance) row.progress = progress_of(*performance, *solo);
  if (facts.solo_rate_drift) {
    cell.record.bracket_drift =
        std::max(cell.record.bracket_drift.value_or(0), std::abs(*facts.solo_rate_drift));
  }
}

// The tenant's items over the time of the whole cell: inside its own turn only.
stats::ProgressSeries over_cell(const MeasuredCell& cell, size_t i, double solo_rate) {
  stats::ProgressSeries series = cell.figures[i].series;
  double turn_s = cell.rows[i].window_seconds;
  double offset = cell.turns > 1 ? turn_s * static_cast<double>(i) : 0;
  for (double& t : series.t_s) t += offset;
  series.solo_rate = solo_rate;
  series.weight = cell.weights[i];
  return series;
}

void settle_mix(MeasuredCell& cell, const BracketBook& solos) {
  std::vector<double> all, closed, weights;
  std::vector<stats::ProgressSeries> series;
  for (size_t i = 0; i < cell.rows.size(); ++i) {
    if (!cell.rows[i].progress) return;  // a mix figure without one of the mix would mislead
    all.push_back(cell.rows[i].progress->value);
    weights.push_back(cell.weights[i]);
    if (!cell.figures[i].open_loop) closed.push_back(all.back());
    auto solo = solos.around(cell.solo_identities[i], cell.identity.rep).reference();
    series.push_back(over_cell(cell, i, solo->rate));
  }
  CellRecord& record = cell.record;
  if (!closed.empty()) record.stp = stats::stp(closed);
  if (closed.size() == all.size()) record.tax = 1 - stats::stp(closed);
  record.antt = stats::antt(all);
  record.worst_progress = stats::worst_progress(all);
  record.jain = stats::weighted_jain(all, weights);
  auto windowed = stats::jain_over_windows(series, 0, cell.window_s, kJainWindow_s);
  if (windowed) record.jain_1s = windowed->mean;
}

}  // namespace

MeasuredCell measure(const RunIdentity& run, const CellIdentity& identity,
                     const CellOutcome& outcome, uint64_t seed) {
  MeasuredCell cell;
  cell.identity = identity;
  int n = static_cast<int>(outcome.tenants.size());
  cell.turns = outcome.took_turns ? n : 1;
  for (const TenantResult& tenant : outcome.tenants) {
    double window_s = tenant.window.seconds;
    TenantFigures figures;
    if (window_s > 0) figures = figures_of_tenant(tenant.record, window_s, seed);
    cell.window_s = window_s * cell.turns;
    cell.rows.push_back(base_row(run, identity, tenant, n));
    add_figures(cell.rows.back(), figures, tenant, cell.turns);
    cell.facts.tenants.push_back(facts_of(tenant, figures));
    cell.figures.push_back(std::move(figures));
    cell.solo_identities.push_back(solo_identity(tenant.spec));
    cell.weights.push_back(tenant.spec.workload.weight);
    cell.silent.push_back(tenant.silent);
  }
  cell.facts.solo = identity.solo;
  cell.facts.setup_error = outcome.setup_error;
  cell.facts.mode_error = outcome.mode_error;
  cell.facts.undo_error = outcome.undo_error;
  cell.facts.foreign_processes = outcome.foreign_processes;
  cell.facts.gpu_events = outcome.gpu_events;
  start_record(cell, run, outcome);
  if (outcome.end > outcome.begin) add_device(cell, run, outcome);
  add_aggregate(cell);
  return cell;
}

void settle(MeasuredCell& cell, const BracketBook& solos, const VoidLimits& limits, bool complete) {
  if (!cell.identity.solo) {
    cell.record.bracket_drift.reset();
    for (size_t i = 0; i < cell.rows.size(); ++i) settle_tenant(cell, i, solos, complete);
    settle_mix(cell, solos);
  }
  std::vector<Violation> reasons = void_reasons(cell.facts, limits);
  cell.advice = broken_rules(cell.facts, limits);
  std::erase_if(cell.advice, [](const Violation& violation) { return !violation.advisory; });
  cell.record.valid = reasons.empty();
  cell.record.reason = reason_text(reasons);
  for (ResultRow& row : cell.rows) {
    row.valid = cell.record.valid;
    row.reason = cell.record.reason;
  }
}

}  // namespace corun::benchmarking
