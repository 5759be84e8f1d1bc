// A model's queue and thread, with a model that runs when the test says so.
#include "workloads/inference/serving/batch_server.h"

#include <gtest/gtest.h>

#include "gate.h"

namespace corun::inference {
namespace {

struct Script {
  Count entered;  ///< batches that have begun
  Count allowed;  ///< batches that may end
  std::vector<int64_t> rows;
  bool fails_to_load = false;
  int fails_at = -1;  ///< number of the batch
};

/// Gives each row's byte back.
class ScriptedModel final : public Model {
 public:
  explicit ScriptedModel(Script& script) : script_(script) {
    signature_.name = "m";
    signature_.inputs = {{"x", DataType::kUint8, {}}};
    signature_.outputs = {{"y", DataType::kUint8, {}}};
    signature_.max_batch = 4;
  }
  const Signature& signature() const override { return signature_; }
  Status load() override {
    return script_.fails_to_load ? Status(failed("no such file", "name another")) : Status();
  }
  Result<std::vector<Tensor>> infer(const std::vector<Tensor>& inputs, int64_t rows) override {
    script_.rows.push_back(rows);
    const int batch = static_cast<int>(script_.rows.size());
    script_.entered.add();
    script_.allowed.wait_for(batch);
    if (batch == script_.fails_at) return failed("out of memory on the GPU");
    return std::vector<Tensor>{{"y", DataType::kUint8, inputs[0].shape, inputs[0].bytes}};
  }
  Result<std::optional<tenant::Verification>> verify() override {
    return std::optional(tenant::Verification{.checksum = "c0", .ok = true});
  }

 private:
  Script& script_;
  Signature signature_;
};

struct FakeClient final : http::Client {
  std::atomic<bool> left{false};
  bool gone() const override { return left; }
};

class ABatchServer : public testing::Test {
 protected:
  ~ABatchServer() override {
    for (int i = 0; i < 100; ++i) script_.allowed.add();
  }
  void serve(BatchRules rules) {
    server_ =
        std::make_unique<BatchServer>(std::make_unique<ScriptedModel>(script_), rules, clock_);
    ASSERT_TRUE(server_->start());
  }
  std::optional<Refusal> submit(char content, std::optional<Instant> deadline = {},
                                std::shared_ptr<const http::Client> client = nullptr) {
    InferJob job;
    job.request.inputs = {{"x", DataType::kUint8, {1}, std::string(1, content)}};
    job.arrival = monotonic_now();
    job.deadline = deadline;
    job.client = std::move(client);
    job.done = [this, content](const InferRequest&, InferOutcome outcome) {
      if (const auto* outputs = std::get_if<Outputs>(&outcome)) {
        EXPECT_EQ(outputs->front().bytes, std::string(1, content));
        answered_.add();
      } else {
        refusals_.push_back(std::get<Refusal>(outcome));
        refused_.add();
      }
    };
    return server_->submit(std::move(job));
  }
  /// The first batch runs, and does not end.
  void occupy() {
    ASSERT_FALSE(submit('a'));
    script_.entered.wait_for(1);
  }

  MonotonicClock clock_;
  Script script_;
  Count answered_, refused_;
  std::vector<Refusal> refusals_;
  std::unique_ptr<BatchServer> server_;
};

TEST_F(ABatchServer, RunsWhatHasWaitedTogether) {
  serve({});
  occupy();
  for (const char c : {'b', 'c', 'd'}) EXPECT_FALSE(submit(c));
  script_.allowed.add();
  script_.allowed.add();
  answered_.wait_for(4);
  EXPECT_EQ(script_.rows, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(server_->metrics().batches, 2U);
}

TEST_F(ABatchServer, RefusesWhatItsQueueCannotHoldAndSaysWhenToComeBack) {
  serve({.preferred = {}, .max_delay = {}, .max_queue = 2});
  occupy();
  EXPECT_FALSE(submit('b'));
  EXPECT_FALSE(submit('c'));
  const std::optional<Refusal> refusal = submit('d');
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->reason, Reason::kFull);
  EXPECT_GE(refusal->retry_after, Nanos(0));
  EXPECT_EQ(server_->metrics().refused[static_cast<size_t>(Reason::kFull)], 1U);
}

TEST_F(ABatchServer, ClientsThatAreGoneMakeRoomAndCostNothing) {
  serve({.preferred = {}, .max_delay = {}, .max_queue = 1});
  occupy();
  const auto client = std::make_shared<FakeClient>();
  EXPECT_FALSE(submit('b', {}, client));
  client->left = true;
  EXPECT_FALSE(submit('c'));
  script_.allowed.add();
  script_.allowed.add();
  answered_.wait_for(2);
  EXPECT_EQ(script_.rows, (std::vector<int64_t>{1, 1}));
  EXPECT_EQ(server_->metrics().cancelled, 1U);
}

TEST_F(ABatchServer, ARequestPastItsDeadlineIsDroppedBeforeItRuns) {
  serve({});
  occupy();
  EXPECT_FALSE(submit('b', monotonic_now()));
  EXPECT_FALSE(submit('c', monotonic_now() + std::chrono::hours(1)));
  script_.allowed.add();
  script_.allowed.add();
  answered_.wait_for(2);
  refused_.wait_for(1);
  EXPECT_EQ(refusals_[0].reason, Reason::kExpired);
  EXPECT_EQ(script_.rows, (std::vector<int64_t>{1, 1}));
}

TEST_F(ABatchServer, AFailedBatchFailsItsRequestsAndNothingElse) {
  script_.fails_at = 1;
  serve({});
  occupy();
  script_.allowed.add();
  refused_.wait_for(1);
  EXPECT_EQ(refusals_[0].reason, Reason::kFailed);
  EXPECT_EQ(refusals_[0].text, "out of memory on the GPU");
  EXPECT_TRUE(server_->ready());
  EXPECT_FALSE(submit('b'));
  script_.allowed.add();
  answered_.wait_for(1);
}

TEST_F(ABatchServer, DrainingAnswersWhatWaitsAndTakesNothingMore) {
  serve({.preferred = {}, .max_delay = std::chrono::hours(1), .max_queue = 9});
  EXPECT_FALSE(submit('a'));  // alone it would wait for an hour
  server_->begin_drain();
  EXPECT_FALSE(server_->ready());
  EXPECT_EQ(submit('b')->reason, Reason::kDraining);
  script_.allowed.add();
  server_->drain();
  EXPECT_EQ(answered_.get(), 1);
}

TEST_F(ABatchServer, AModelThatCannotLoadSaysWhy) {
  script_.fails_to_load = true;
  server_ =
      std::make_unique<BatchServer>(std::make_unique<ScriptedModel>(script_), BatchRules{}, clock_);
  const Status started = server_->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().text(), "no such file; name another");
  EXPECT_FALSE(server_->ready());
  EXPECT_EQ(submit('a')->reason, Reason::kNotReady);
}

TEST_F(ABatchServer, IsVerifiedOnItsOwnThreadAndObserved) {
  serve({});
  Count seen;
  server_->observe([&](const Timing& timing, uint64_t items) {
    EXPECT_LE(timing.arrival, timing.start);
    EXPECT_LE(timing.start, timing.end);
    EXPECT_EQ(items, 1U);
    seen.add();
  });
  script_.allowed.add();
  EXPECT_FALSE(submit('a'));
  seen.wait_for(1);
  const auto verified = server_->verify();
  ASSERT_TRUE(verified);
  EXPECT_EQ((*verified)->checksum, "c0");
  server_->drain();
  EXPECT_FALSE(server_->verify());
}

}  // namespace
}  // namespace corun::inference
