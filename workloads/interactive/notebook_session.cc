#include "workloads/interactive/notebook_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/stats/quantile.h"
#include "core/units.h"
#include "workloads/synthetic/factories.h"
#include "workloads/synthetic/pump.h"

namespace corun::interactive {

namespace {

constexpr double kKernelUs = 500;
constexpr uint64_t kMaxCopy = 64 * kMiB;  ///< of one transfer

/// The processor computes; false when it was told to give up before.
bool compute_until(Instant end, Instant give_up) {
  volatile uint64_t sum = 0;
  while (monotonic_now() < end) {
    if (monotonic_now() >= give_up) return false;
    for (uint64_t i = 0; i < 1000; ++i) sum = sum + i;
  }
  return true;
}

}  // namespace

Status NotebookSession::calibrate() {
  blocks_ = 8 * gpu().sm_count();
  CORUN_ASSIGN(const synthetic::Calibration found, calibrate_burn(blocks_, kKernelUs));
  iterations_ = found.iterations;
  return {};
}

Result<bool> NotebookSession::run_kernels(Nanos duration, Instant give_up) {
  const auto kernels = std::max<int64_t>(1, std::llround(to_micros(duration) / kKernelUs));
  synthetic::Pump pump(gpu(), synthetic::depth_for(kKernelUs), [](uint64_t) {});
  bool in_time = true;
  for (int64_t i = 0; i < kernels && in_time; ++i) {
    CORUN_TRY(pump.submit(gpu().stream(), 1, [this] { return burn(blocks_, iterations_); }));
    in_time = monotonic_now() < give_up;
  }
  CORUN_TRY(pump.drain());
  return in_time;
}

Status NotebookSession::copy(uint64_t bytes) {
  const uint64_t piece = std::min(bytes, kMaxCopy);
  CORUN_ASSIGN(const gpu::DeviceMemory device, gpu::DeviceMemory::allocate(gpu().driver(), piece));
  const std::vector<char> host(piece);
  for (uint64_t done = 0; done < bytes; done += piece) {
    CORUN_TRY(device.copy_from(host.data(), std::min(piece, bytes - done)));
  }
  return {};
}

Result<bool> NotebookSession::run_step(size_t cell, const Step& step, Instant give_up) {
  switch (step.kind) {
    case StepKind::kCpu:
      return compute_until(monotonic_now() + step.duration, give_up);
    case StepKind::kGpu:
      return run_kernels(step.duration, give_up);
    case StepKind::kCopy:
      CORUN_TRY(copy(step.bytes));
      return true;
    case StepKind::kAlloc: {
      CORUN_ASSIGN(gpu::DeviceMemory memory,
                   gpu::DeviceMemory::allocate(gpu().driver(), step.bytes));
      kept_[cell].push_back(std::move(memory));
      return true;
    }
    case StepKind::kFree:
      kept_.clear();
      return true;
  }
  return true;
}

Result<bool> NotebookSession::run_cell(size_t number, Instant give_up) {
  kept_.erase(number);  // its variables are bound anew
  for (const Step& step : options_.cells[number].steps) {
    CORUN_ASSIGN(const bool in_time, run_step(number, step, give_up));
    if (!in_time) return false;
  }
  return true;
}

Result<tenant::WarmFigures> NotebookSession::warm(Nanos /*length*/) {
  const Instant start = monotonic_now();
  CORUN_TRY(run_cell(0, Instant{INT64_MAX}));
  return tenant::WarmFigures{.rate = 1.0 / to_seconds(monotonic_now() - start), .settling = {}};
}

Result<tenant::WindowOutcome> NotebookSession::run(const tenant::Window& window,
                                                   tenant::Recorder& recorder) {
  CORUN_TRY(begin_window());
  stats::Random random(window.seed);
  tenant::WindowOutcome outcome;
  // The first cell falls somewhere in a think time, so that notebooks do not start together.
  const Nanos first = draw(options_.think, random);
  Instant next = window.start + from_seconds(random.uniform() * to_seconds(first));
  for (size_t number = 0; next < window.end() && recorder.listening();
       number = (number + 1) % options_.cells.size()) {
    const Nanos think = draw(options_.think, random);
    const Instant start = gpu().waiter().until(next);
    CORUN_ASSIGN(const bool finished, run_cell(number, window.give_up()));
    const Instant end = monotonic_now();
    if (!finished) {
      ++outcome.unanswered;
      break;
    }
    recorder.request(start, start, end);
    latencies_ms_[options_.cells[number].name].push_back(to_millis(end - start));
    next = end + think;
  }
  gpu().waiter().until(window.end());
  return outcome;
}

uint64_t NotebookSession::memory_bytes() const {
  uint64_t bytes = GpuWorkload::memory_bytes();
  for (const auto& [cell, memories] : kept_) {
    for (const gpu::DeviceMemory& memory : memories) bytes += memory.bytes();
  }
  return bytes;
}

std::vector<std::string> NotebookSession::take_notes() {
  std::vector<std::string> notes = GpuWorkload::take_notes();
  for (auto& [name, latencies] : std::exchange(latencies_ms_, {})) {
    std::sort(latencies.begin(), latencies.end());
    notes.push_back(fmt::format("cell {}: {} times, median {:.1f} ms, longest {:.1f} ms", name,
                                latencies.size(), stats::quantile_of_sorted(latencies, 0.5),
                                latencies.back()));
  }
  return notes;
}

}  // namespace corun::interactive
