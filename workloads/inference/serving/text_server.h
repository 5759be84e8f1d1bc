// One model that generates text: sequences join and leave the running batch between two steps, so a
// short answer never waits for a long one.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "workloads/inference/protocol/generate.h"
#include "workloads/inference/serving/model_thread.h"

namespace corun::inference {

struct TextJob {
  GenerateRequest request;
  Instant arrival;
  std::optional<Instant> deadline;             ///< of the last token
  std::shared_ptr<const http::Client> client;  ///< may be null: somebody always waits
  /// Called for each token, on the model's thread.
  std::function<void(std::string text)> token;
  /// Called once, after the last token or instead of it, unless the client is gone.
  std::function<void(std::optional<Refusal> refusal)> end;
};

class TextServer final : public ModelThread {
 public:
  TextServer(std::unique_ptr<TextModel> model, size_t max_queue, const Clock& clock);
  ~TextServer() override { drain(); }

  /// Takes the job, or tells why not (then nothing of it is called). From any thread.
  std::optional<Refusal> submit(TextJob job);
  /// Errors (usage): prompt and answer do not fit the model.
  Status check(const GenerateRequest& request) const;

 private:
  struct Sequence {
    TextJob job;
    size_t slot = 0;
    uint64_t tokens = 0;  ///< generated so far
    Instant start;
  };

  std::optional<Rest> work(std::unique_lock<std::mutex>& lock) override;
  bool idle() const override { return queue_.size() == 0 && running_.empty(); }
  void forget_gone();
  TextJob take(uint64_t id);
  void end_job(TextJob& job, Refusal refusal);
  void begin(TextJob job);
  void step();
  /// Hands the token on; true when it was the last one.
  bool deliver(Sequence& sequence, std::string text);
  /// Ends sequences whose client is gone or whose deadline is past.
  void drop_late(Instant now);

  std::unique_ptr<TextModel> model_;
  // Guarded by mutex_:
  std::unordered_map<uint64_t, TextJob> jobs_;
  uint64_t next_id_ = 0;
  // Of the model's thread:
  std::vector<Sequence> running_;
  std::vector<size_t> free_slots_;
};

}  // namespace corun::inference
