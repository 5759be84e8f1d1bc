// The server as a workload of a benchmark: rows of its first model. Its load comes from outside, in
// a window; in the warm-up it makes its own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "workloads/inference/server/service.h"
#include "workloads/tenant/recorder.h"
#include "workloads/tenant/workload.h"

namespace corun::inference {

class ServerWorkload final : public tenant::Workload {
 public:
  /// `start`: listens and loads the models. All outlive it; `service` has a model.
  ServerWorkload(Service& service, std::function<Status()> start)
      : service_(service), start_(std::move(start)) {}

  WorkloadKind kind() const override { return WorkloadKind::kInference; }
  std::string unit() const override { return text() ? "tokens/s" : "requests/s"; }
  Status initialise() override { return start_(); }
  Status calibrate() override { return {}; }
  double settle_tolerance() const override { return 0.1; }
  /// Keeps a batch running and one waiting.
  Result<tenant::WarmFigures> warm(Nanos length) override;
  /// Requests that came inside the window count, from their arrival at the server on.
  Result<tenant::WindowOutcome> run(const tenant::Window& window,
                                    tenant::Recorder& recorder) override;
  /// Of all models that know what to expect.
  Result<std::optional<tenant::Verification>> verify() override;
  uint64_t memory_bytes() const override;
  std::vector<std::string> take_notes() override {
    return {"warm when three windows agree within 10 %"};
  }

 private:
  ModelThread& model() const { return *service_.models().front(); }
  bool text() const { return model().signature().generates; }

  Service& service_;
  std::function<Status()> start_;
};

}  // namespace corun::inference
