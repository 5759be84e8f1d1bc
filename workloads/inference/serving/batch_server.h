// One model that answers inference requests: a bounded queue, dynamic batches, deadlines.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <variant>

#include "workloads/inference/protocol/infer_request.h"
#include "workloads/inference/serving/model_thread.h"

namespace corun::inference {

using Outputs = std::vector<Tensor>;
using InferOutcome = std::variant<Outputs, Refusal>;

struct InferJob {
  InferRequest request;  ///< fits the model
  int64_t rows = 1;
  Instant arrival;
  std::optional<Instant> deadline;
  std::shared_ptr<const http::Client> client;  ///< may be null: somebody always waits
  /// Called once, on the model's thread, unless the client is gone. `request` is handed back
  /// without its inputs.
  std::function<void(InferRequest request, InferOutcome outcome)> done;
};

class BatchServer final : public ModelThread {
 public:
  BatchServer(std::unique_ptr<Model> model, BatchRules rules, const Clock& clock);
  ~BatchServer() override { drain(); }

  /// Takes the job, or tells why not (then `done` is never called). From any thread.
  std::optional<Refusal> submit(InferJob job);

 private:
  std::optional<Rest> work(std::unique_lock<std::mutex>& lock) override;
  bool idle() const override { return queue_.size() == 0; }
  void forget_gone();
  InferJob take(uint64_t id);
  void expire(InferJob job);
  void run_batch(std::vector<InferJob> batch);
  Result<std::vector<Outputs>> infer(std::span<InferJob> batch, int64_t rows);

  std::unique_ptr<Model> model_;
  // Guarded by mutex_:
  std::unordered_map<uint64_t, InferJob> jobs_;
  uint64_t next_id_ = 0;
};

}  // namespace corun::inference
