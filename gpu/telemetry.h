// Readings of one GPU over time.
//
// A TelemetryReader knows which readings are due at a given instant and makes them; it has no clock
// and no thread, so tests own the time. A Telemetry runs a reader on a thread of its own, so that a
// slow NVML call delays readings and never the program that asked for them.
//
// Three clocks, because NVML's calls differ in cost and in how often their source changes: fast
// (utilisation, memory, power, SM clock), slow (GPM counters, which need more than 100 ms between
// two samples, energy, whose counter ticks about every 100 ms, and clock-event reasons) and rare
// (memory clock, temperature, processes). A snapshot holds what was due at its instant; everything
// else in it is nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/gpu.h"
#include "gpu/nvml.h"
#include "gpu/processes.h"

namespace corun::gpu {

struct TelemetryPeriods {
  Nanos fast = std::chrono::milliseconds(100);
  Nanos slow = std::chrono::milliseconds(200);  ///< no shorter: GPM needs more than 100 ms
  Nanos rare = std::chrono::seconds(1);
};

class TelemetryReader {
 public:
  /// `gpu`: as list_gpus tells it. Errors: NVML does not know this GPU.
  static Result<TelemetryReader> open(std::shared_ptr<const Nvml> nvml, const GpuInfo& gpu,
                                      TelemetryPeriods periods);
  TelemetryReader(TelemetryReader&&) noexcept;
  TelemetryReader& operator=(TelemetryReader&&) noexcept;
  ~TelemetryReader();

  /// Makes the readings that are due at `now`. Errors (failed): the GPU is lost or needs a reset;
  /// a reading that merely is not supported is nothing.
  Result<GpuSnapshot> read(Instant now);
  /// When the next reading is due.
  Instant next_due() const;

 private:
  struct State;
  explicit TelemetryReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// A sampler on its own thread, running from start() until stop().
class Telemetry {
 public:
  struct Options {
    TelemetryPeriods periods;
    /// At most so many snapshots are kept between two take() calls; older ones are dropped.
    size_t capacity = 100'000;
  };
  static Result<std::unique_ptr<Telemetry>> start(std::shared_ptr<const Nvml> nvml,
                                                  const GpuInfo& gpu, Options options);
  static Result<std::unique_ptr<Telemetry>> start(std::shared_ptr<const Nvml> nvml,
                                                  const GpuInfo& gpu) {
    return start(std::move(nvml), gpu, Options{});
  }
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;
  /// Stops.
  ~Telemetry();

  /// The snapshots since the last call, oldest first. Never waits for NVML.
  std::vector<GpuSnapshot> take();
  /// The newest snapshot, or nothing before the first.
  std::optional<GpuSnapshot> latest() const;
  /// Why sampling ended by itself (GPU lost), or nothing while it goes on.
  std::optional<Error> fault() const;

  struct Cost {
    uint64_t readings = 0;     ///< snapshots made
    uint64_t dropped = 0;      ///< snapshots that found no room
    uint64_t late = 0;         ///< fast periods that passed without a reading
    Nanos cpu{0};              ///< processor time of the thread
    Nanos longest_reading{0};  ///< wall time
  };
  Cost cost() const;

  /// Ends the thread. When an NVML call does not return within a second, the thread is left behind
  /// with a warning, and ends by itself after that call.
  void stop();

 private:
  struct Shared;
  explicit Telemetry(std::shared_ptr<Shared> shared);
  std::shared_ptr<Shared> shared_;  // shared with a thread that may outlive this object (stop)
};

}  // namespace corun::gpu
