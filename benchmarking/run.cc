#include "benchmarking/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/stats/random.h"
#include "core/wait.h"

namespace corun::benchmarking {

namespace {

constexpr char kSoloMode[] = "exclusive";

class Runner {
 public:
  Runner(const RunOptions& options, CellSite& site,
         const std::map<std::string, modes::Mode*>& modes, ResultsWriter& writer,
         Progress& progress)
      : options_(options), site_(site), modes_(modes), writer_(writer), progress_(progress) {}

  Result<RunSummary> run();

 private:
  Status run_one(const PlannedCell& planned);
  CellRequest request_for(const PlannedCell& planned, const std::string& id) const;
  CellIdentity identity_of(const PlannedCell& planned, const std::string& id) const;
  std::string free_id(const std::string& id);
  std::string label_of(const PlannedCell& planned) const;
  void book_solo(const PlannedCell& planned, const MeasuredCell& cell);
  bool bracket_complete(size_t bracket) const;
  Status settle_block(int rep);
  void measure_idle_power();

  const RunOptions& options_;
  CellSite& site_;
  const std::map<std::string, modes::Mode*>& modes_;
  ResultsWriter& writer_;
  Progress& progress_;
  RunIdentity identity_;
  BracketBook book_;
  std::vector<MeasuredCell> cells_;
  std::set<std::string> ids_;
  RunSummary summary_;
};

std::string Runner::free_id(const std::string& id) {
  std::string candidate = id;
  for (int i = 2; ids_.contains(candidate) || options_.taken_ids.contains(candidate); ++i) {
    candidate = fmt::format("{}.{}", id, i);
  }
  ids_.insert(candidate);
  return candidate;
}

CellIdentity Runner::identity_of(const PlannedCell& planned, const std::string& id) const {
  const Matrix& matrix = options_.matrix;
  CellIdentity identity{
      .id = id, .mode = planned.mode, .mix = "", .rep = planned.rep, .solo = planned.solo};
  size_t mix = planned.solo ? matrix.solos.at(planned.solo_index).mix : planned.mix;
  identity.mix = matrix.options.mixes.at(mix).name;
  return identity;
}

CellRequest Runner::request_for(const PlannedCell& planned, const std::string& id) const {
  const Matrix& matrix = options_.matrix;
  CellRequest request;
  request.id = id;
  request.solo = planned.solo;
  request.mode = modes_.at(planned.solo ? kSoloMode : planned.mode);
  if (planned.solo) {
    request.tenants = {matrix.solos.at(planned.solo_index).tenant};
  } else {
    request.tenants = matrix.mix_of(planned).tenants;
  }
  std::map<std::string, int> instances;
  for (const TenantSpec& tenant : request.tenants) {
    std::string identity = solo_identity(tenant);
    request.seeds.push_back(tenant_seed(matrix.options.seed, identity, instances[identity]++));
  }
  return request;
}

std::string Runner::label_of(const PlannedCell& planned) const {
  const Matrix& matrix = options_.matrix;
  if (planned.solo) return fmt::format("solo {}", matrix.solos.at(planned.solo_index).name);
  return fmt::format("{} {} rep {}", planned.mode, matrix.mix_of(planned).name, planned.rep);
}

void Runner::book_solo(const PlannedCell& planned, const MeasuredCell& cell) {
  const SoloWorkload& solo = options_.matrix.solos.at(planned.solo_index);
  book_.add(solo.identity, planned.bracket,
            cell.record.valid ? solo_run(cell.figures.front()) : std::nullopt);
}

bool Runner::bracket_complete(size_t bracket) const {
  return std::all_of(options_.matrix.solos.begin(), options_.matrix.solos.end(),
                     [&](const SoloWorkload& solo) { return book_.has(solo.identity, bracket); });
}

Status Runner::settle_block(int rep) {
  for (MeasuredCell& cell : cells_) {
    if (cell.identity.solo || cell.identity.rep != rep) continue;
    bool was_valid = cell.record.valid;
    settle(cell, book_, options_.limits, true);
    if (was_valid && !cell.record.valid) {
      ++summary_.void_cells;
      progress_.tell_void(cell.identity.id, cell.record.reason);
    }
  }
  return writer_.rewrite(cells_);
}

Status Runner::run_one(const PlannedCell& planned) {
  std::string id = free_id(planned.id);
  progress_.begin_cell(label_of(planned), expected_time(options_.matrix, planned));
  CellRequest request = request_for(planned, id);
  CellOutcome outcome = run_cell(site_, request);
  if (outcome.interrupted) {
    summary_.interrupted = true;
    return {};
  }
  MeasuredCell cell = measure(identity_, identity_of(planned, id), outcome, request.seeds.front());
  settle(cell, book_, options_.limits, false);
  ++summary_.cells;
  if (!cell.record.valid) ++summary_.void_cells;
  progress_.end_cell(cell.record.reason);
  CORUN_TRY(writer_.add(cell, outcome));
  if (planned.solo) book_solo(planned, cell);
  cells_.push_back(std::move(cell));
  if (planned.solo && planned.bracket > 0 && bracket_complete(planned.bracket)) {
    CORUN_TRY(settle_block(static_cast<int>(planned.bracket) - 1));
  }
  return {};
}

// Before anything runs: what the device draws with nobody on it.
void Runner::measure_idle_power() {
  if (options_.idle_sample.count() == 0) return;
  auto on_gpu = site_.watch->processes();
  if (on_gpu && !on_gpu->empty()) return;
  site_.watch->take_snapshots();
  int fd = site_.interrupt != nullptr ? site_.interrupt->fd() : -1;
  wait_readable(std::span(&fd, 1), monotonic_now() + options_.idle_sample);
  double sum = 0;
  int count = 0;
  for (const GpuSnapshot& snapshot : site_.watch->take_snapshots()) {
    if (!snapshot.power_w) continue;
    sum += *snapshot.power_w;
    ++count;
  }
  if (count > 0) identity_.idle_power_w = sum / count;
}

Result<RunSummary> Runner::run() {
  identity_.run = options_.run;
  identity_.gpu = site_.gpu;
  measure_idle_power();
  for (const PlannedCell& planned : options_.cells) {
    if (site_.interrupt != nullptr && site_.interrupt->requested()) summary_.interrupted = true;
    if (summary_.interrupted) break;
    CORUN_TRY(run_one(planned));
  }
  progress_.finish();
  for (const MeasuredCell& cell : cells_) {
    if (!cell.advice.empty()) ++summary_.advised_cells;
    for (const Violation& violation : cell.advice) {
      summary_.advice.insert(fmt::format("{} of {}", violation.rule, violation.workload));
    }
  }
  return summary_;
}

}  // namespace

uint64_t tenant_seed(uint64_t run_seed, const std::string& identity, int instance) {
  // FNV-1a of the identity, mixed with the seed by the generator itself.
  uint64_t hash = 14695981039346656037U;
  for (char c : identity) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  stats::Random random(hash ^ (run_seed * 0x9e3779b97f4a7c15U) ^ static_cast<uint64_t>(instance));
  return random.next() >> 11;  // below 2^53: JSON readers keep it exact
}

Result<RunSummary> run_cells(const RunOptions& options, CellSite& site,
                             const std::map<std::string, modes::Mode*>& modes,
                             ResultsWriter& writer, Progress& progress) {
  site.largest_mix = options.matrix.largest_n();
  return Runner(options, site, modes, writer, progress).run();
}

}  // namespace corun::benchmarking
