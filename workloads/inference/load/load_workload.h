// The load generator as a workload: a server's answers to requests that arrive on their own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "workloads/inference/load/client.h"
#include "workloads/inference/load/options.h"
#include "workloads/inference/load/server_process.h"
#include "workloads/tenant/recorder.h"
#include "workloads/tenant/waiting.h"
#include "workloads/tenant/workload.h"

namespace corun::inference {

class LoadWorkload final : public tenant::Workload {
 public:
  explicit LoadWorkload(LoadOptions options);
  ~LoadWorkload() override;

  WorkloadKind kind() const override { return WorkloadKind::kInference; }
  std::string unit() const override { return options_.target.text ? "tokens/s" : "requests/s"; }
  /// Starts the server if there is one to start, and opens the connections.
  Status initialise() override;
  Status calibrate() override { return {}; }
  double settle_tolerance() const override { return kTolerance; }
  /// A closed loop over all connections.
  Result<tenant::WarmFigures> warm(Nanos length) override;
  Result<tenant::WindowOutcome> run(const tenant::Window& window,
                                    tenant::Recorder& recorder) override;
  /// With --same-answers.
  Result<std::optional<tenant::Verification>> verify() override;
  uint64_t memory_bytes() const override { return 0; }
  std::vector<std::string> take_notes() override { return std::exchange(notes_, {}); }

 private:
  /// The processor sets the rate of a closed loop over many connections, and it wanders.
  static constexpr double kTolerance = 0.1;

  void take(const Answer& answer);
  void check(const Answer& answer);
  /// Sends one request at its time; false once there is no use in going on.
  Result<bool> send_at(const TraceRow& arrival, const tenant::Window& window, uint64_t tag);

  LoadOptions options_;
  tenant::Waiter waiter_;
  std::optional<Process> server_;
  std::optional<ServerAddress> endpoint_;
  std::optional<Target> target_;
  double capacity_ = 0;  ///< requests/s that the warm-up reached
  std::vector<std::string> notes_;
  // The reading thread writes to these while requests are on their way:
  std::vector<RequestRecord> records_;  ///< by tag; each request's own
  tenant::Recorder* recorder_ = nullptr;
  std::atomic<uint64_t> warm_items_{0};
  std::atomic<uint64_t> warm_requests_{0};
  std::string trouble_;  ///< the first answer that was none, in words
  uint64_t first_hash_ = 0;
  uint64_t answers_ = 0;
  uint64_t different_ = 0;
  std::unique_ptr<LoadClient> client_;  // last: its thread ends first
};

}  // namespace corun::inference
