// A run without a harness: the same loop, summarised for a person.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/stats/quantile.h"
#include "core/units.h"
#include "workloads/tenant/session.h"

namespace corun::tenant {

namespace {

constexpr Nanos kWarmLimit = std::chrono::seconds(10);
constexpr Nanos kWarmWindow = std::chrono::milliseconds(500);

/// Keeps the latencies; progress is only for the harness.
class Latencies final : public MessageSink {
 public:
  Status write(const Message& message) override {
    if (const auto* requests = std::get_if<RequestsMessage>(&message)) {
      for (size_t i = 0; i < requests->end_us.size(); ++i) {
        response_us_.push_back(requests->end_us[i] - requests->scheduled_us[i]);
      }
    }
    return {};
  }

  /// One line, with a dash for each percentile that so few samples cannot tell.
  std::string text() {
    std::sort(response_us_.begin(), response_us_.end());
    std::string line = fmt::format("latency     n {}", response_us_.size());
    for (const auto& [name, p] :
         {std::pair{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}}) {
      const bool told = stats::supports_percentile(response_us_.size(), p);
      line += told ? fmt::format(", {} {:.4f} ms", name,
                                 stats::quantile_of_sorted(response_us_, p) * 1e-3)
                   : fmt::format(", {} -", name);
    }
    return line;
  }
  bool empty() const { return response_us_.empty(); }

 private:
  std::vector<double> response_us_;
};

}  // namespace

Status run_alone(Workload& workload, const AloneOptions& options) {
  CORUN_TRY(workload.initialise());
  // Beside others on the GPU it may never be steady: that is no reason not to work.
  CORUN_ASSIGN(const WarmUp warm, try_to_warm_up(workload, kWarmLimit, kWarmWindow));
  Latencies latencies;
  const Window window{1, monotonic_now() + std::chrono::milliseconds(10), options.duration,
                      options.seed};
  Recorder recorder(window.id, window.start, latencies);
  CORUN_ASSIGN(const WindowOutcome outcome, workload.run(window, recorder));
  const Instant end = monotonic_now();
  CORUN_ASSIGN(const uint64_t items, recorder.finish(end));
  CORUN_ASSIGN(const std::optional<Verification> verification, workload.verify());

  const double seconds = to_seconds(end - window.start);
  fmt::print("warm        {:.6g} {}{}\n", warm.rate, workload.unit(),
             warm.unsteady ? ", " + warm.unsteady->what : "");
  fmt::print("throughput  {:.6g} {} ({} in {:.3f} s)\n", static_cast<double>(items) / seconds,
             workload.unit(), items, seconds);
  if (!latencies.empty()) fmt::print("{}\n", latencies.text());
  if (outcome.unanswered > 0) fmt::print("unanswered  {}\n", outcome.unanswered);
  for (const std::string& note : workload.take_notes()) fmt::print("{}\n", note);
  fmt::print("memory      {}\n", format_bytes(workload.memory_bytes()));
  if (!verification) return {};
  fmt::print("checksum    {} {}\n", verification->checksum, verification->ok ? "ok" : "WRONG");
  if (!verification->ok) {
    return failed("the results are wrong: the state on the GPU is not what its launches give");
  }
  return {};
}

}  // namespace corun::tenant
