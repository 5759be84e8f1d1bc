// The decoder against its own definition: what it remembers changes nothing.
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "workloads/inference/torch/text_runner.h"

namespace corun::inference {
namespace {

constexpr DecoderShape kSmall{.layers = 2,
                              .width = 64,
                              .heads = 4,
                              .kv_heads = 2,
                              .hidden = 96,
                              .vocabulary = 256,
                              .context = 64,
                              .slots = 3};

std::vector<int64_t> some_tokens(size_t count, int64_t first) {
  std::vector<int64_t> tokens;
  for (size_t i = 0; i < count; ++i) {
    tokens.push_back((first + 37 * static_cast<int64_t>(i)) % kSmall.vocabulary);
  }
  return tokens;
}

at::Tensor tensor_of(const std::vector<int64_t>& tokens) {
  return at::tensor(at::ArrayRef<int64_t>(tokens), at::kLong);
}

class DecoderTest : public testing::Test {
 protected:
  c10::InferenceMode mode_;
  Weights weights_{{}, 7};
  Decoder decoder_{kSmall, weights_};
};

TEST_F(DecoderTest, AStepIsTheWholeSequenceReadAgain) {
  std::vector<int64_t> tokens = some_tokens(9, 5);
  at::Tensor logits = decoder_.read(1, 0, tensor_of(tokens));
  for (int step = 0; step < 6; ++step) {
    tokens.push_back(logits.argmax(-1).item<int64_t>());
    // Slots 0 and 2 take no part; slot 2 reads all of it again.
    const at::Tensor last = tensor_of({0, tokens.back()});
    const at::Tensor places = tensor_of({0, static_cast<int64_t>(tokens.size()) - 1});
    logits = decoder_.step(last, places, 32).narrow(0, 1, 1);
    const at::Tensor again = decoder_.read(2, 0, tensor_of(tokens));
    EXPECT_TRUE(at::allclose(logits, again, 1e-3, 1e-3)) << "step " << step;
  }
}

TEST_F(DecoderTest, APromptInChunksIsThePrompt) {
  const std::vector<int64_t> tokens = some_tokens(20, 3);
  const at::Tensor all = tensor_of(tokens);
  const at::Tensor whole = decoder_.read(0, 0, all);
  for (const int64_t chunk : {1, 3, 7, 16}) {
    at::Tensor logits;
    for (int64_t place = 0; place < 20; place += chunk) {
      logits = decoder_.read(2, place, all.narrow(0, place, std::min<int64_t>(chunk, 20 - place)));
    }
    EXPECT_TRUE(at::allclose(logits, whole, 1e-3, 1e-3)) << "chunks of " << chunk;
  }
}

TEST_F(DecoderTest, AnEarlierTokenCountsAndALaterOneDoesNot) {
  const at::Tensor first = decoder_.read(0, 0, tensor_of({1, 2, 3, 4}));
  EXPECT_FALSE(at::allclose(decoder_.read(1, 0, tensor_of({9, 2, 3, 4})), first, 1e-3, 1e-3));
  EXPECT_FALSE(at::allclose(decoder_.read(1, 0, tensor_of({2, 1, 3, 4})), first, 1e-3, 1e-3))
      << "places count";
  // A slot that had a longer sequence before reads a shorter one as if it were new.
  decoder_.read(1, 0, tensor_of(some_tokens(30, 8)));
  EXPECT_TRUE(at::allclose(decoder_.read(1, 0, tensor_of({1, 2, 3, 4})), first, 1e-3, 1e-3));
}

TEST_F(DecoderTest, TellsWhatAStepReads) {
  const uint64_t embedding = 256 * 64 * sizeof(float);
  EXPECT_EQ(decoder_.step_bytes(), decoder_.weight_bytes() - embedding);
  EXPECT_EQ(decoder_.cache_bytes(), 2U * 2 * 3 * 2 * 64 * 16 * sizeof(float));
}

TEST(TextRunner, SequencesTogetherAreSequencesAlone) {
  const c10::InferenceMode mode;
  const auto make = [] {
    return TextRunner::create({.shape = kSmall, .place = {}, .seed = 3, .chunk = 5}).value();
  };
  const std::vector<std::vector<int64_t>> prompts{some_tokens(7, 1), some_tokens(12, 9),
                                                  some_tokens(2, 100)};
  std::vector<std::vector<int64_t>> alone;
  for (const auto& prompt : prompts) {
    const auto runner = make();
    std::vector<int64_t> answer{runner->begin(0, prompt)};
    for (size_t i = 0; i < 8; ++i) {
      const auto place = static_cast<int64_t>(prompt.size() + i);
      answer.push_back(runner->step({&answer.back(), 1}, {&place, 1}).front());
    }
    alone.push_back(answer);
  }
  const auto runner = make();
  std::vector<int64_t> tokens, places;
  for (size_t slot = 0; slot < prompts.size(); ++slot) {
    tokens.push_back(runner->begin(static_cast<int64_t>(slot), prompts[slot]));
    places.push_back(static_cast<int64_t>(prompts[slot].size()));
    EXPECT_EQ(tokens.back(), alone[slot].front());
  }
  for (size_t i = 1; i <= 8; ++i) {
    const std::span<const int64_t> next = runner->step(tokens, places);
    tokens.assign(next.begin(), next.end());
    for (int64_t& place : places) ++place;
    for (size_t slot = 0; slot < prompts.size(); ++slot) EXPECT_EQ(tokens[slot], alone[slot][i]);
  }
}

}  // namespace
}  // namespace corun::inference
