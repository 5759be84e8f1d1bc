#include "workloads/inference/serving/batch_server.h"

#include <fmt/format.h>

#include "workloads/inference/serving/batch.h"

namespace corun::inference {

namespace {

BatchRules for_model(BatchRules rules, const Signature& signature) {
  rules.max_batch = std::max<int64_t>(signature.max_batch, 1);
  return rules;
}

bool is_gone(const InferJob& job) { return job.client && job.client->gone(); }

}  // namespace

BatchServer::BatchServer(std::unique_ptr<Model> model, BatchRules rules, const Clock& clock)
    : ModelThread(*model, for_model(std::move(rules), model->signature()), clock),
      model_(std::move(model)) {}

std::optional<Refusal> BatchServer::submit(InferJob job) {
  std::unique_lock lock(mutex_);
  std::optional<Refusal> refused = refusal();
  if (refused && refused->reason == Reason::kFull) {
    forget_gone();  // they need not keep others out
    refused = refusal();
  }
  if (refused) {
    metrics_.count(*refused);
    return refused;
  }
  const uint64_t id = next_id_++;
  queue_.add({.id = id,
              .rows = job.rows,
              .group = batch_group(signature(), job.request),
              .arrival = job.arrival,
              .deadline = job.deadline});
  jobs_.emplace(id, std::move(job));
  metrics_.waiting = queue_.size();
  lock.unlock();
  wake_.notify_one();
  return std::nullopt;
}

void BatchServer::forget_gone() {
  std::erase_if(jobs_, [&](const auto& entry) {
    if (!is_gone(entry.second)) return false;
    queue_.remove(entry.first);
    metrics_.cancelled.fetch_add(1, std::memory_order_relaxed);
    return true;
  });
  metrics_.waiting = queue_.size();
}

InferJob BatchServer::take(uint64_t id) {
  auto node = jobs_.extract(id);
  return std::move(node.mapped());
}

std::optional<ModelThread::Rest> BatchServer::work(std::unique_lock<std::mutex>& lock) {
  forget_gone();
  const BatchQueue::Step step = queue_.next(now(), draining());
  std::vector<InferJob> expired;
  std::vector<InferJob> batch;
  for (const uint64_t id : step.expired) expired.push_back(take(id));
  for (const uint64_t id : step.batch) batch.push_back(take(id));
  metrics_.waiting = queue_.size();
  if (expired.empty() && batch.empty()) return Rest{step.wake};
  lock.unlock();
  for (InferJob& job : expired) expire(std::move(job));
  if (!batch.empty()) run_batch(std::move(batch));
  lock.lock();
  return std::nullopt;
}

void BatchServer::expire(InferJob job) {
  const Refusal late{Reason::kExpired,
                     fmt::format("the deadline of {:.1f} ms was past before the request could run",
                                 to_millis(*job.deadline - job.arrival)),
                     {}};
  metrics_.count(late);
  job.done(std::move(job.request), late);
}

Result<std::vector<Outputs>> BatchServer::infer(std::span<InferJob> batch, int64_t rows) {
  std::vector<InferRequest*> requests;
  std::vector<int64_t> rows_of;
  for (InferJob& job : batch) {
    requests.push_back(&job.request);
    rows_of.push_back(job.rows);
  }
  const std::vector<Tensor> inputs = joined(signature(), requests);
  CORUN_ASSIGN(Outputs outputs, model_->infer(inputs, rows));
  return split(signature(), std::move(outputs), rows_of);
}

void BatchServer::run_batch(std::vector<InferJob> batch) {
  int64_t rows = 0;
  for (const InferJob& job : batch) rows += job.rows;
  metrics_.running = batch.size();
  metrics_.batches.fetch_add(1, std::memory_order_relaxed);
  metrics_.batch_rows.add(static_cast<double>(rows));
  const Instant start = now();
  auto answers = infer(batch, rows);
  const Instant end = now();
  worked(rows, end - start);
  for (size_t i = 0; i < batch.size(); ++i) {
    InferJob& job = batch[i];
    job.request.inputs.clear();
    if (answers) {
      job.done(std::move(job.request), std::move((*answers)[i]));
      tell({job.arrival, start, end}, 1);
    } else {
      const Refusal broken{Reason::kFailed, answers.error().text(), {}};
      metrics_.count(broken);
      job.done(std::move(job.request), broken);
    }
  }
  metrics_.running = 0;
}

}  // namespace corun::inference
