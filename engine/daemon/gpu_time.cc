#include "engine/daemon/gpu_time.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace corun::daemon {

namespace {

Nanos part_of(Nanos whole, double share) {
  return Nanos(static_cast<int64_t>(std::llround(static_cast<double>(whole.count()) * share)));
}

/// `share` of each, as it is there, off `busy`.
void take_off(std::vector<Nanos>& busy, const std::vector<Nanos>& there, Nanos amount) {
  Nanos sum{};
  for (const Nanos one : there) sum += one;
  if (sum == Nanos(0)) return;
  const double share = std::min(1.0, to_seconds(amount) / to_seconds(sum));
  for (size_t i = 0; i < busy.size(); ++i) busy[i] -= part_of(there[i], share);
}

}  // namespace

IdleSplit split_idle(const HeldWindow& window, std::optional<double> utilization) {
  IdleSplit split;
  Nanos held{};
  Nanos spare{};
  std::vector<Nanos> spares;  // held beyond what its kernels took
  for (const HeldWindow::Holder& holder : window.holders) {
    split.busy.push_back(holder.held);
    held += holder.held;
    spares.push_back(std::max(Nanos(0), holder.held - holder.estimated));
    spare += spares.back();
  }
  split.idle = window.nobody;
  if (!utilization) return split;
  const Nanos covered = held + window.switching + window.nobody + window.unknown;
  const Nanos not_busy = part_of(covered, 1 - std::clamp(*utilization, 0.0, 1.0));
  // Switches may count as busy or not; they are known by themselves.
  const Nanos in_held = std::clamp(not_busy - window.nobody - window.switching, Nanos(0), held);
  take_off(split.busy, spares, std::min(in_held, spare));
  if (in_held > spare) take_off(split.busy, std::vector(split.busy), in_held - spare);
  Nanos busy{};
  for (const Nanos one : split.busy) busy += one;
  split.idle += held - busy;
  return split;
}

TimeSums operator-(const TimeSums& a, const TimeSums& b) {
  return {.wall = a.wall - b.wall,
          .workloads = a.workloads - b.workloads,
          .other = a.other - b.other,
          .switching = a.switching - b.switching,
          .idle = a.idle - b.idle,
          .switches = a.switches - b.switches};
}

std::optional<double> conservation_error(const TimeSums& sums, bool overlap) {
  if (sums.wall <= Nanos(0)) return std::nullopt;
  const Nanos parts = sums.workloads + sums.other + sums.switching + sums.idle;
  const double error = to_seconds(parts - sums.wall) / to_seconds(sums.wall);
  return overlap ? std::min(0.0, error) : error;
}

void Conservation::add(const TimeSums& sums) {
  history_.push_back(sums);
  while (history_.size() > 2 && sums.wall - history_[1].wall >= kConservationWindow) {
    history_.pop_front();
  }
}

std::optional<TimeSums> Conservation::window() const {
  if (history_.empty()) return std::nullopt;
  const TimeSums window = history_.back() - history_.front();
  if (window.wall < kConservationWindow) return std::nullopt;
  return window;
}

// --- who held it --------------------------------------------------------------------------------

void HeldTime::join(int pid, const std::string& workload) {
  if (pid > 0) processes_[static_cast<uint32_t>(pid)] = {workload};
}

void HeldTime::leave(int pid, Instant now) {
  const auto process = processes_.find(static_cast<uint32_t>(pid));
  if (process != processes_.end()) process->second.left = now;
}

const std::string& HeldTime::workload_of(uint32_t pid) {
  static const std::string kNone;
  const auto process = processes_.find(pid);
  if (process == processes_.end()) return kNone;
  named_ = true;
  return process->second.workload;
}

std::vector<HeldRun> HeldTime::take(const gpu::SwitchBatch& batch) {
  std::erase_if(processes_, [&batch](const auto& entry) {
    return entry.second.left && batch.read_at - *entry.second.left > kAfterLeaving;
  });
  lost_ += batch.lost;
  std::vector<HeldRun> runs;
  attribute(timeline_.take(batch), runs);
  return runs;
}

std::vector<HeldRun> HeldTime::process_gone(int pid, Instant now) {
  std::vector<HeldRun> runs;
  attribute(timeline_.process_gone(static_cast<uint32_t>(pid), now), runs);
  return runs;
}

std::optional<int> HeldTime::holder() const {
  const auto pid = timeline_.running();
  if (!pid || !processes_.contains(*pid)) return std::nullopt;
  return static_cast<int>(*pid);
}

void HeldTime::attribute(const std::vector<gpu::Piece>& pieces, std::vector<HeldRun>& runs) {
  for (const gpu::Piece& piece : pieces) {
    const Nanos length(piece.end_ns - piece.begin_ns);
    if (piece.kind == gpu::Piece::Kind::kRun) {
      add_run(piece, runs);
      continue;
    }
    close_run(runs);
    switch (piece.kind) {
      case gpu::Piece::Kind::kSwitch:
        window_.switching += length;
        break;
      case gpu::Piece::Kind::kNobody:
        window_.nobody += length;
        break;
      case gpu::Piece::Kind::kUnknown:
      case gpu::Piece::Kind::kRun:
        window_.unknown += length;
        break;
    }
  }
}

void HeldTime::add_run(const gpu::Piece& piece, std::vector<HeldRun>& runs) {
  const std::string& workload = workload_of(piece.pid);
  held_[workload] += Nanos(piece.end_ns - piece.begin_ns);
  const bool same = run_ && run_->pid == piece.pid && run_->workload == workload &&
                    run_->end_ns == piece.begin_ns;
  if (!same) {
    close_run(runs);
    ++switches_;
    count_begin(workload, piece.begin_ns);
    run_ = Run{piece.pid, workload, piece.begin_ns, piece.begin_ns};
  }
  run_->end_ns = piece.end_ns;
  Waits& waits = waits_[workload];
  waits.held += Nanos(piece.end_ns - piece.begin_ns);
  waits.last_end_ns = piece.end_ns;
  if (piece.ends) {
    close_run(runs);
  } else if (Nanos(run_->end_ns - run_->begin_ns) >= kLongestPart) {
    Run rest = *run_;
    close_run(runs);
    rest.begin_ns = rest.end_ns;
    run_ = std::move(rest);
  }
}

void HeldTime::close_run(std::vector<HeldRun>& runs) {
  if (!run_) return;
  const Nanos held(run_->end_ns - run_->begin_ns);
  const Instant begin = std::max(told_, timeline_.instant(run_->begin_ns));
  told_ = std::max(begin, timeline_.instant(run_->end_ns));
  if (held > Nanos(0)) runs.push_back({run_->workload, run_->pid, begin, told_, held});
  run_.reset();
}

void HeldTime::count_begin(const std::string& workload, int64_t begin_ns) {
  Waits& waits = waits_[workload];
  ++waits.runs;
  if (!waits.last_end_ns) return;
  if (begin_ns >= waits.window_end_ns) {
    waits.longest = {waits.longest[1], Nanos(0)};
    waits.window_end_ns = begin_ns + kWaitWindow.count();
  }
  waits.longest[1] = std::max(waits.longest[1], Nanos(begin_ns - *waits.last_end_ns));
}

HeldWindow HeldTime::take_window() {
  HeldWindow window = std::exchange(window_, {});
  for (const auto& [workload, held] : std::exchange(held_, {})) {
    window.holders.push_back({workload, held});
  }
  return window;
}

HeldTime::Counts HeldTime::counts(const std::string& workload) const {
  const auto found = waits_.find(workload);
  if (found == waits_.end()) return {};
  const Nanos longest = std::max(found->second.longest[0], found->second.longest[1]);
  Counts counts{.runs = found->second.runs, .held = found->second.held};
  if (longest > Nanos(0)) counts.longest_wait = longest;
  return counts;
}

void HeldTime::forget(const std::string& workload) { waits_.erase(workload); }

}  // namespace corun::daemon
