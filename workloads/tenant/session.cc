#include "workloads/tenant/session.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <variant>

#include "core/stats/steady.h"

namespace corun::tenant {

namespace {

/// Commands may be minutes apart: the harness warms one workload after another.
constexpr Nanos kCommandWait = std::chrono::hours(1);

class RowSink final : public MessageSink {
 public:
  explicit RowSink(RowWriter& rows) : rows_(rows) {}
  Status write(const Message& message) override { return rows_.write(message); }

 private:
  RowWriter& rows_;
};

Status write_notes(Workload& workload, RowWriter& rows) {
  for (std::string& text : workload.take_notes()) {
    CORUN_TRY(rows.write(NoteMessage{std::move(text)}));
  }
  return {};
}

Status answer_warm(Workload& workload, RowWriter& rows, const WarmCommand& command) {
  CORUN_ASSIGN(const double rate, warm_up(workload, from_seconds(command.max_s),
                                          from_seconds(command.window_s), command.tolerance));
  CORUN_TRY(write_notes(workload, rows));
  return rows.write(ReadyMessage{workload.kind(), workload.unit(), rate});
}

Status answer_start(Workload& workload, RowWriter& rows, const StartCommand& command) {
  const Window window{command.window, command.at, from_seconds(command.seconds), command.seed};
  RowSink sink(rows);
  Recorder recorder(window.id, window.start, sink);
  CORUN_ASSIGN(const WindowOutcome outcome, workload.run(window, recorder));
  const Instant end = monotonic_now();
  CORUN_ASSIGN(const uint64_t items, recorder.finish(end));
  CORUN_ASSIGN(const std::optional<Verification> verification, workload.verify());
  CORUN_TRY(write_notes(workload, rows));
  DoneMessage done;
  done.window = window.id;
  done.items = items;
  done.t_us = to_micros(end - window.start);
  done.unanswered = outcome.unanswered;
  if (verification) {
    done.checksum = verification->checksum;
    done.checksum_ok = verification->ok;
  }
  done.memory_bytes = workload.memory_bytes();
  return rows.write(done);
}

enum class Stage { kCold, kWarm, kStopped };

/// The stage after the command.
Result<Stage> answer(Workload& workload, RowWriter& rows, const Command& command, Stage stage) {
  if (const auto* warm = std::get_if<WarmCommand>(&command)) {
    CORUN_TRY(answer_warm(workload, rows, *warm));
    return Stage::kWarm;
  }
  if (const auto* start = std::get_if<StartCommand>(&command)) {
    if (stage == Stage::kCold) return failed("the harness sent 'start' before 'warm'");
    CORUN_TRY(answer_start(workload, rows, *start));
    return Stage::kWarm;
  }
  return Stage::kStopped;
}

Status follow_commands(Workload& workload, RowWriter& rows) {
  CORUN_TRY(workload.initialise());
  CORUN_TRY(rows.write(InitialisedMessage{}));
  for (Stage stage = Stage::kCold; stage != Stage::kStopped;) {
    CORUN_ASSIGN(const std::optional<Command> command, rows.next_command(kCommandWait));
    if (!command) continue;
    CORUN_ASSIGN(stage, answer(workload, rows, *command, stage));
  }
  return {};
}

}  // namespace

Result<WarmUp> try_to_warm_up(Workload& workload, Nanos limit, Nanos window, double tolerance) {
  const Instant end = monotonic_now() + limit;
  CORUN_TRY(workload.calibrate());
  stats::SteadyState steady(3, std::max(tolerance, workload.settle_tolerance()));
  WarmUp last;
  do {
    CORUN_ASSIGN(const WarmFigures figures, workload.warm(window));
    last.rate = figures.rate;
    if (!figures.settling || steady.add(*figures.settling)) return last;
  } while (monotonic_now() < end);
  const std::vector<double>& rates = steady.figures();
  const size_t count = std::min<size_t>(rates.size(), 3);
  last.unsteady = failed(
      fmt::format("not warm after {:.1f} s: the last rates are {:.4g} {}", to_seconds(limit),
                  fmt::join(rates.end() - static_cast<std::ptrdiff_t>(count), rates.end(), ", "),
                  workload.unit()),
      "leave the GPU and the processors to this workload while it warms up, or allow more time");
  return last;
}

Result<double> warm_up(Workload& workload, Nanos limit, Nanos window, double tolerance) {
  CORUN_ASSIGN(const WarmUp warm, try_to_warm_up(workload, limit, window, tolerance));
  if (warm.unsteady) return *warm.unsteady;
  return warm.rate;
}

Status serve_harness(Workload& workload, RowWriter& rows) {
  Status status = follow_commands(workload, rows);
  // When the harness is gone the line cannot be written either: the exit code still tells.
  if (!status) static_cast<void>(rows.write(ErrorMessage{status.error().text()}));
  return status;
}

}  // namespace corun::tenant
