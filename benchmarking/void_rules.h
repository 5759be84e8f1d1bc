// When a cell does not count. Pure: facts that were measured in, reasons out. A voided cell keeps
// its figures and its reasons; nothing is dropped silently.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corun::benchmarking {

/// Bounds of the rules. Written to env.json, so that a reader knows what "valid" meant.
struct VoidLimits {
  double lag_us = 50;             ///< p99 of the load generator's lateness, or
  double lag_of_solo_p99 = 0.02;  ///< this part of the solo p99, whichever is more
  double bracket_drift = 0.02;    ///< of solo rate and p50, before against after; of p50 at least
  double p50_drift_us = 50;       ///< this much, the grain of host timing (docs/adr/0004)
  double min_clock_share = 0.75;  ///< SM clock of a busy sample in a solo run over the highest
  double max_silence_s = 2.0;     ///< between two progress lines inside the window
  /// Whether lateness of the generator and drift of the brackets void a cell. In a quick look,
  /// perhaps on a machine that does other things too, they are only told (Violation::advisory).
  bool timing_voids = true;

  /// For figures that are reported.
  static VoidLimits strict() { return {}; }
  /// For --quick: the table says "quick", and which cells a full run would void.
  static VoidLimits quick();
};

/// What went wrong with one workload, if anything did.
enum class Failure {
  kNone,
  kNotStarted,  ///< the command could not be started
  kNeverReady,  ///< not initialised or not warm in time
  kEarlyExit,   ///< it ended before it was told to
  kHang,        ///< no `done` in time
  kProtocol,    ///< garbage, a wrong message, or a flood of them
  kOwnError,    ///< it wrote an `error` line
};

struct TenantFacts {
  std::string workload;
  Failure failure = Failure::kNone;
  std::string failure_text;                    ///< e.g. "exit code 1 after 0.4 s"
  double window_s = 0;                         ///< length of its window; 0 = it had none
  double longest_silence_s = 0;                ///< between progress lines inside the window
  std::optional<double> generator_lag_p99_us;  ///< open loop
  std::optional<double> solo_p50_ms;           ///< of the bracketing solo runs
  std::optional<double> solo_p99_ms;           ///< of the bracketing solo runs
  std::optional<bool> checksum_ok;
  /// after/before - 1 of the bracketing solo runs.
  std::optional<double> solo_rate_drift;
  std::optional<double> solo_p50_drift;
  bool solo_missing = false;  ///< a bracketing solo run that should be there is void
};

/// NVML's clocks-event reasons (nvml.h of the CUDA toolkit, nvmlClocksEventReasons).
inline constexpr uint64_t kReasonPowerCap = 0x4;
inline constexpr uint64_t kReasonHardwareSlowdown = 0x8;
inline constexpr uint64_t kReasonSoftwareThermal = 0x20;
inline constexpr uint64_t kReasonHardwareThermal = 0x40;
inline constexpr uint64_t kReasonPowerBrake = 0x80;

struct CellFacts {
  bool solo = false;
  std::optional<std::string> setup_error;      ///< the mode could not be planned or applied
  std::optional<std::string> mode_error;       ///< Mode::check failed
  std::optional<std::string> undo_error;       ///< Mode::undo failed
  std::vector<std::string> foreign_processes;  ///< e.g. "PID 4711"
  std::vector<std::string> gpu_events;         ///< Xid and ECC events as text
  uint64_t clock_reasons = 0;                  ///< all reasons that were set inside the window
  std::optional<double> lowest_clock_share;    ///< of busy samples, over the highest SM clock
  std::vector<TenantFacts> tenants;
};

struct Violation {
  std::string_view rule;  ///< e.g. "generator-lag"
  std::string workload;   ///< empty: the whole cell
  std::string text;       ///< one sentence without a full stop
  bool advisory = false;  ///< told, but the cell counts
};

/// All rules that the cell breaks; the most telling first.
std::vector<Violation> broken_rules(const CellFacts& facts, const VoidLimits& limits);
/// Those that void it. Empty: the cell is valid.
std::vector<Violation> void_reasons(const CellFacts& facts, const VoidLimits& limits);
/// "infer: generator lag ...; foreign process PID 4711": for the `reason` of rows and cells.
std::string reason_text(const std::vector<Violation>& violations);

}  // namespace corun::benchmarking
