// What a workload is to the program around it, which speaks the row protocol for it (session.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/model/workload.h"
#include "core/result.h"
#include "workloads/tenant/recorder.h"
#include "workloads/tenant/warm_meter.h"

namespace corun::tenant {

/// One measured window.
struct Window {
  int id = 1;
  Instant start;
  Nanos length{0};
  uint64_t seed = 0;
  Instant end() const { return start + length; }
  /// Work that is still going on then is given up.
  Instant give_up() const { return end() + length / 2; }
};

struct WindowOutcome {
  uint64_t unanswered = 0;  ///< scheduled inside the window, not answered by give_up()
};

struct Verification {
  std::string checksum;
  bool ok = false;
};

/// Life: initialise(), calibrate(), warm() again and again, run() for each window, verify() after
/// each window. All on one thread. Errors are those of the GPU, in one line, unless said otherwise.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual WorkloadKind kind() const = 0;
  virtual std::string unit() const = 0;  ///< "samples/s"
  /// Context, memory, kernels. Errors: unsupported without a usable GPU.
  virtual Status initialise() = 0;
  /// Fits the work to the asked durations on this GPU. Errors (usage): they cannot be reached.
  virtual Status calibrate() = 0;
  /// The least tolerance of the warm-up (core/row_message.h). Whoever raises it says so in a note.
  virtual double settle_tolerance() const { return 0; }
  /// Works for about `length`, back to back.
  virtual Result<WarmFigures> warm(Nanos length) = 0;
  /// Called before window.start; works from then on until window.end(), and returns when all work
  /// is done or given up. Ends early, without an error, once the recorder is not listening.
  virtual Result<WindowOutcome> run(const Window& window, Recorder& recorder) = 0;
  /// The results so far against the expected ones; nothing: it does not know what to expect.
  /// Precondition: no work is going on.
  virtual Result<std::optional<Verification>> verify() = 0;
  /// Device memory that this workload has allocated.
  virtual uint64_t memory_bytes() const = 0;
  /// What is worth keeping with the results (calibration, achieved rates) since the last call.
  virtual std::vector<std::string> take_notes() = 0;
};

}  // namespace corun::tenant
