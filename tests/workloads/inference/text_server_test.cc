// Sequences that join and leave between two steps.
#include "workloads/inference/serving/text_server.h"

#include <gtest/gtest.h>

#include "gate.h"

namespace corun::inference {
namespace {

struct Script {
  Count steps_begun;
  Count steps_allowed;
  bool gated = false;
  std::vector<std::vector<size_t>> steps;  ///< slots of each
  size_t slots = 2;
  int fails_at_step = -1;
};

/// Token n of a prompt "p" is "p<n>".
class ScriptedText final : public TextModel {
 public:
  explicit ScriptedText(Script& script) : script_(script), sequences_(script.slots) {
    signature_.name = "t";
    signature_.generates = true;
  }
  const Signature& signature() const override { return signature_; }
  Status load() override { return {}; }
  size_t slots() const override { return script_.slots; }
  uint64_t max_tokens() const override { return 10; }
  uint64_t tokens_of(const std::string& text) const override { return text.size(); }
  Result<std::string> begin(size_t slot, const std::string& prompt) override {
    if (prompt == "too much") return failed("out of memory on the GPU");
    EXPECT_TRUE(sequences_[slot].first.empty()) << "the slot is in use";
    sequences_[slot] = {prompt, 1};
    return prompt + "1";
  }
  Result<std::vector<std::string>> step(std::span<const size_t> slots) override {
    script_.steps.emplace_back(slots.begin(), slots.end());
    script_.steps_begun.add();
    const int step = static_cast<int>(script_.steps.size());
    if (script_.gated) script_.steps_allowed.wait_for(step);
    if (step == script_.fails_at_step) return failed("the GPU is lost");
    std::vector<std::string> texts;
    for (const size_t slot : slots) {
      auto& [prompt, count] = sequences_[slot];
      texts.push_back(prompt + std::to_string(++count));
    }
    return texts;
  }
  void end(size_t slot) override { sequences_[slot] = {}; }

 private:
  Script& script_;
  Signature signature_;
  std::vector<std::pair<std::string, int>> sequences_;
};

struct FakeClient final : http::Client {
  std::atomic<bool> left{false};
  bool gone() const override { return left; }
};

class ATextServer : public testing::Test {
 protected:
  ~ATextServer() override {
    for (int i = 0; i < 100; ++i) script_.steps_allowed.add();
  }
  void serve(size_t max_queue = 8) {
    server_ =
        std::make_unique<TextServer>(std::make_unique<ScriptedText>(script_), max_queue, clock_);
    ASSERT_TRUE(server_->start());
  }
  std::optional<Refusal> submit(const std::string& prompt, uint64_t tokens,
                                std::optional<Instant> deadline = {},
                                std::shared_ptr<const http::Client> client = nullptr) {
    TextJob job;
    job.request.text_input = prompt;
    job.request.max_tokens = tokens;
    job.arrival = clock_.now();
    job.deadline = deadline;
    job.client = std::move(client);
    job.token = [this](const std::string& text) { text_ += text + " "; };
    job.end = [this](const std::optional<Refusal>& refusal) {
      if (refusal) refusals_.push_back(*refusal);
      ended_.add();
    };
    return server_->submit(std::move(job));
  }

  /// Moved only while the model's thread waits in a step.
  ManualClock clock_;
  Script script_;
  Count ended_;
  std::string text_;  ///< of the model's thread until ended_
  std::vector<Refusal> refusals_;
  std::unique_ptr<TextServer> server_;
};

TEST_F(ATextServer, GivesTheTokensInOrder) {
  serve();
  EXPECT_FALSE(submit("a", 3));
  ended_.wait_for(1);
  EXPECT_EQ(text_, "a1 a2 a3 ");
  EXPECT_EQ(server_->metrics().tokens, 3U);
}

TEST_F(ATextServer, OneTokenNeedsNoStep) {
  serve();
  EXPECT_FALSE(submit("a", 1));
  ended_.wait_for(1);
  EXPECT_TRUE(script_.steps.empty());
}

TEST_F(ATextServer, AShortAnswerJoinsALongOneAndLeavesBeforeIt) {
  script_.gated = true;
  serve();
  EXPECT_FALSE(submit("a", 4));
  script_.steps_begun.wait_for(1);
  EXPECT_FALSE(submit("b", 2));  // comes while a step runs
  for (int i = 0; i < 3; ++i) script_.steps_allowed.add();
  ended_.wait_for(2);
  EXPECT_EQ(text_, "a1 a2 b1 a3 b2 a4 ");
  EXPECT_EQ(script_.steps, (std::vector<std::vector<size_t>>{{0}, {0, 1}, {0}}));
}

TEST_F(ATextServer, NoMoreSequencesRunThanThereAreSlots) {
  script_.slots = 1;
  script_.gated = true;
  serve();
  EXPECT_FALSE(submit("a", 2));
  script_.steps_begun.wait_for(1);
  EXPECT_FALSE(submit("b", 2));
  script_.steps_allowed.add();
  script_.steps_allowed.add();
  ended_.wait_for(2);
  EXPECT_EQ(text_, "a1 a2 b1 b2 ");
}

TEST_F(ATextServer, AClientThatIsGoneStopsItsSequence) {
  script_.gated = true;
  serve();
  const auto client = std::make_shared<FakeClient>();
  EXPECT_FALSE(submit("a", 9, {}, client));
  script_.steps_begun.wait_for(1);
  client->left = true;
  EXPECT_FALSE(submit("b", 1));
  script_.steps_allowed.add();
  ended_.wait_for(1);
  server_->drain();
  EXPECT_EQ(script_.steps.size(), 1U);
  EXPECT_EQ(server_->metrics().cancelled, 1U);
  EXPECT_EQ(ended_.get(), 1);
}

TEST_F(ATextServer, ADeadlineEndsARunningSequence) {
  script_.gated = true;
  serve();
  EXPECT_FALSE(submit("a", 9, clock_.now() + std::chrono::milliseconds(20)));
  script_.steps_begun.wait_for(1);
  clock_.advance(std::chrono::milliseconds(20));
  for (int i = 0; i < 9; ++i) script_.steps_allowed.add();
  ended_.wait_for(1);
  ASSERT_EQ(refusals_.size(), 1U);
  EXPECT_EQ(refusals_[0].reason, Reason::kExpired);
  EXPECT_NE(refusals_[0].text.find("after 2 of 9 tokens"), std::string::npos) << refusals_[0].text;
}

TEST_F(ATextServer, APromptThatFailsLeavesTheOthersRunning) {
  serve();
  EXPECT_FALSE(submit("too much", 2));
  EXPECT_FALSE(submit("b", 2));
  ended_.wait_for(2);
  EXPECT_EQ(text_, "b1 b2 ");
  ASSERT_EQ(refusals_.size(), 1U);
  EXPECT_EQ(refusals_[0].text, "out of memory on the GPU");
}

TEST_F(ATextServer, AFailedStepEndsItsSequencesAndTheServerGoesOn) {
  script_.fails_at_step = 1;
  serve();
  EXPECT_FALSE(submit("a", 3));
  ended_.wait_for(1);
  EXPECT_EQ(refusals_.size(), 1U);
  EXPECT_FALSE(submit("b", 2));
  ended_.wait_for(2);
  EXPECT_EQ(text_, "a1 b1 b2 ");
}

TEST_F(ATextServer, PromptAndAnswerMustFitTheModel) {
  serve();
  GenerateRequest request;
  request.text_input = "12345678";
  request.max_tokens = 2;
  EXPECT_TRUE(server_->check(request));
  request.max_tokens = 3;
  const Status fits = server_->check(request);
  ASSERT_FALSE(fits);
  EXPECT_NE(fits.error().what.find("8 tokens of prompt and 3 of answer"), std::string::npos);
}

TEST_F(ATextServer, ItsQueueIsBounded) {
  script_.slots = 1;
  script_.gated = true;
  serve(1);
  EXPECT_FALSE(submit("a", 2));
  script_.steps_begun.wait_for(1);
  EXPECT_FALSE(submit("b", 1));
  EXPECT_EQ(submit("c", 1)->reason, Reason::kFull);
}

}  // namespace
}  // namespace corun::inference
