#include "workloads/inference/serving/text_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace corun::inference {

namespace {

/// Prompts that are read between two steps: more would make those that run wait for their tokens.
constexpr int64_t kPromptsAStep = 1;

bool is_gone(const TextJob& job) { return job.client && job.client->gone(); }

bool is_late(const TextJob& job, Instant now) { return job.deadline && *job.deadline <= now; }

Refusal too_late(const TextJob& job, uint64_t tokens) {
  return {Reason::kExpired,
          fmt::format("the deadline of {:.1f} ms was past after {} of {} tokens",
                      to_millis(*job.deadline - job.arrival), tokens, job.request.max_tokens),
          {}};
}

}  // namespace

TextServer::TextServer(std::unique_ptr<TextModel> model, size_t max_queue, const Clock& clock)
    : ModelThread(*model,
                  {.max_batch = kPromptsAStep,
                   .preferred = {},
                   .max_delay = Nanos(0),
                   .max_queue = max_queue},
                  clock),
      model_(std::move(model)),
      free_slots_(model_->slots()) {
  std::iota(free_slots_.rbegin(), free_slots_.rend(), size_t{0});
}

Status TextServer::check(const GenerateRequest& request) const {
  const uint64_t prompt = model_->tokens_of(request.text_input);
  if (prompt + request.max_tokens <= model_->max_tokens()) return {};
  return usage_error(
      fmt::format("{} tokens of prompt and {} of answer; model '{}' takes {} together", prompt,
                  request.max_tokens, signature().name, model_->max_tokens()));
}

std::optional<Refusal> TextServer::submit(TextJob job) {
  std::unique_lock lock(mutex_);
  std::optional<Refusal> refused = refusal();
  if (refused && refused->reason == Reason::kFull) {
    forget_gone();
    refused = refusal();
  }
  if (refused) {
    metrics_.count(*refused);
    return refused;
  }
  const uint64_t id = next_id_++;
  queue_.add({.id = id, .rows = 1, .group = {}, .arrival = job.arrival, .deadline = job.deadline});
  jobs_.emplace(id, std::move(job));
  metrics_.waiting = queue_.size();
  lock.unlock();
  wake_.notify_one();
  return std::nullopt;
}

void TextServer::forget_gone() {
  std::erase_if(jobs_, [&](const auto& entry) {
    if (!is_gone(entry.second)) return false;
    queue_.remove(entry.first);
    metrics_.cancelled.fetch_add(1, std::memory_order_relaxed);
    return true;
  });
}

TextJob TextServer::take(uint64_t id) {
  auto node = jobs_.extract(id);
  return std::move(node.mapped());
}

void TextServer::end_job(TextJob& job, Refusal refusal) {
  metrics_.count(refusal);
  job.end(std::move(refusal));
}

std::optional<ModelThread::Rest> TextServer::work(std::unique_lock<std::mutex>& lock) {
  forget_gone();
  const int64_t most = free_slots_.empty() ? 0 : kPromptsAStep;
  const BatchQueue::Step step = queue_.next(now(), draining(), most);
  std::vector<TextJob> expired;
  std::vector<TextJob> begun;
  for (const uint64_t id : step.expired) expired.push_back(take(id));
  for (const uint64_t id : step.batch) begun.push_back(take(id));
  metrics_.waiting = queue_.size();
  if (expired.empty() && begun.empty() && running_.empty()) return Rest{step.wake};
  lock.unlock();
  for (TextJob& job : expired) end_job(job, too_late(job, 0));
  for (TextJob& job : begun) begin(std::move(job));
  drop_late(now());
  if (!running_.empty()) this->step();
  metrics_.running = running_.size();
  lock.lock();
  return std::nullopt;
}

bool TextServer::deliver(Sequence& sequence, std::string text) {
  ++sequence.tokens;
  metrics_.tokens.fetch_add(1, std::memory_order_relaxed);
  sequence.job.token(std::move(text));
  if (sequence.tokens < sequence.job.request.max_tokens) return false;
  sequence.job.end(std::nullopt);
  tell({sequence.job.arrival, sequence.start, now()}, sequence.tokens);
  model_->end(sequence.slot);
  free_slots_.push_back(sequence.slot);
  return true;
}

void TextServer::begin(TextJob job) {
  Sequence sequence{.job = std::move(job), .slot = free_slots_.back(), .start = now()};
  auto first = model_->begin(sequence.slot, sequence.job.request.text_input);
  if (!first) {
    return end_job(sequence.job, Refusal{Reason::kFailed, first.error().text(), {}});
  }
  free_slots_.pop_back();
  if (!deliver(sequence, std::move(first).value())) running_.push_back(std::move(sequence));
}

void TextServer::drop_late(Instant now) {
  std::erase_if(running_, [&](Sequence& sequence) {
    const bool gone = is_gone(sequence.job);
    if (!gone && !is_late(sequence.job, now)) return false;
    if (gone) {
      metrics_.cancelled.fetch_add(1, std::memory_order_relaxed);
    } else {
      end_job(sequence.job, too_late(sequence.job, sequence.tokens));
    }
    model_->end(sequence.slot);
    free_slots_.push_back(sequence.slot);
    return true;
  });
}

void TextServer::step() {
  std::vector<size_t> slots;
  for (const Sequence& sequence : running_) slots.push_back(sequence.slot);
  metrics_.batches.fetch_add(1, std::memory_order_relaxed);
  metrics_.batch_rows.add(static_cast<double>(slots.size()));
  auto texts = model_->step(slots);
  if (texts && texts->size() != slots.size()) {
    texts = failed(fmt::format("model '{}' gave {} tokens for {} sequences", signature().name,
                               texts->size(), slots.size()));
  }
  if (!texts) {
    for (Sequence& sequence : running_) {
      end_job(sequence.job, Refusal{Reason::kFailed, texts.error().text(), {}});
      model_->end(sequence.slot);
      free_slots_.push_back(sequence.slot);
    }
    running_.clear();
    return;
  }
  std::vector<Sequence> still_running;
  for (size_t i = 0; i < running_.size(); ++i) {
    if (!deliver(running_[i], std::move((*texts)[i]))) {
      still_running.push_back(std::move(running_[i]));
    }
  }
  running_ = std::move(still_running);
}

}  // namespace corun::inference
