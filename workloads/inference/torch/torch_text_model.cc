#include "workloads/inference/torch/torch_text_model.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <optional>

#include "workloads/inference/torch/measure.h"
#include "workloads/inference/torch/runner.h"
#include "workloads/inference/torch/text_runner.h"
#include "workloads/torch/caught.h"

namespace corun::inference {

namespace {

constexpr size_t kProbeTokens = 8;
constexpr int64_t kMeasuredPrompt = 128;
constexpr char kProbePrompt[] = "a prompt whose answer is known";

class TorchText final : public TextModel, public Measurable {
 public:
  TorchText(Signature signature, const DecoderShape& shape, int64_t chunk,
            const TorchOptions& options)
      : signature_(std::move(signature)),
        what_("model '" + signature_.name + "'"),
        shape_(shape),
        chunk_(chunk),
        options_(options),
        sequences_(static_cast<size_t>(shape.slots)) {}

  const Signature& signature() const override { return signature_; }
  uint64_t memory_bytes() const override { return runner_ ? runner_->memory_bytes() : 0; }
  size_t slots() const override { return sequences_.size(); }
  uint64_t max_tokens() const override { return static_cast<uint64_t>(shape_.context); }
  uint64_t tokens_of(const std::string& text) const override {
    return std::max<uint64_t>(text.size(), 1);
  }

  Status load() override {
    return libtorch::caught(what_.c_str(), [this] { return set_up(); });
  }

  Result<std::string> begin(size_t slot, const std::string& prompt) override {
    auto text = libtorch::caught(what_.c_str(), [&]() -> Result<std::string> {
      const c10::InferenceMode mode;
      const std::vector<int64_t> tokens = tokens_from(prompt);
      const int64_t next = runner_->begin(static_cast<int64_t>(slot), tokens);
      sequences_[slot] = Sequence{.token = next, .place = static_cast<int64_t>(tokens.size())};
      return text_of_token(next);
    });
    // Memory may be what it lacked: what LibTorch keeps for later may help the next one.
    if (!text) libtorch::release_cached_memory(place_.device);
    return text;
  }

  Result<std::vector<std::string>> step(std::span<const size_t> slots) override {
    return libtorch::caught(what_.c_str(), [&]() -> Result<std::vector<std::string>> {
      const c10::InferenceMode mode;
      // All slots up to the last one that is in use; those that are not stand at place 0.
      std::vector<int64_t> tokens(*std::max_element(slots.begin(), slots.end()) + 1, 0);
      std::vector<int64_t> places(tokens.size(), 0);
      for (const size_t slot : slots) {
        tokens[slot] = sequences_[slot]->token;
        places[slot] = sequences_[slot]->place;
      }
      const std::span<const int64_t> next = runner_->step(tokens, places);
      std::vector<std::string> texts;
      for (const size_t slot : slots) {
        sequences_[slot] = Sequence{.token = next[slot], .place = places[slot] + 1};
        texts.push_back(text_of_token(next[slot]));
      }
      return texts;
    });
  }
  void end(size_t slot) override { sequences_[slot].reset(); }

  /// All slots at once: their prompts, then steps whose sequences grow, and begin again where the
  /// context ends.
  Result<Figures> measure(Nanos duration) override {
    return libtorch::caught(what_.c_str(), [&]() -> Result<Figures> {
      const c10::InferenceMode mode;
      Figures figures = libtorch_figures(place_, runner_->graphs(), shape_.slots);
      figures.weight_bytes = runner_->decoder().weight_bytes();
      figures.step_bytes = runner_->decoder().step_bytes();
      if (runner_->graphs()) figures.difference = runner_->difference();
      figures.copy_bytes_per_s = libtorch::copy_bandwidth(place_.device);
      const int64_t prompt = std::min<int64_t>(kMeasuredPrompt, shape_.context / 2);
      std::vector<int64_t> tokens(static_cast<size_t>(shape_.slots), 1);
      std::vector<int64_t> places(tokens.size(), prompt);
      figures.prompt_tokens_per_s = time_prompts(prompt, tokens);
      const auto step = [&] {
        const std::span<const int64_t> next = runner_->step(tokens, places);
        tokens.assign(next.begin(), next.end());
        for (int64_t& place : places) place = place + 1 < shape_.context ? place + 1 : prompt;
      };
      time_runs(
          duration, static_cast<double>(shape_.slots), step, [] {}, figures);
      return figures;
    });
  }

  /// The answer to a known prompt; while sequences run, what it was before.
  Result<std::optional<tenant::Verification>> verify() override {
    const bool busy = std::any_of(sequences_.begin(), sequences_.end(),
                                  [](const auto& sequence) { return sequence.has_value(); });
    std::string answer = expected_;
    if (!busy) {
      CORUN_ASSIGN(answer, probe());
    }
    return std::optional(
        tenant::Verification{.checksum = digest_of(answer), .ok = answer == expected_});
  }

 private:
  struct Sequence {
    int64_t token = 0;  ///< the last one, which no step has read
    int64_t place = 0;  ///< where it stands
  };

  Status set_up() {
    const c10::InferenceMode mode;
    if (options_.threads > 0) at::set_num_threads(options_.threads);
    CORUN_ASSIGN(place_, libtorch::placement(options_.device, options_.type));
    const bool graphs = options_.graph && place_.device.is_cuda() && libtorch::has_graphs();
    CORUN_ASSIGN(runner_, TextRunner::create({.shape = shape_,
                                              .place = place_,
                                              .seed = options_.seed,
                                              .graphs = graphs,
                                              .chunk = chunk_}));
    CORUN_ASSIGN(expected_, probe());
    return {};
  }

  /// Reads a prompt of so many tokens into each slot, the first one twice: libraries set themselves
  /// up. `tokens` are those that follow. Returns tokens of prompts a second.
  double time_prompts(int64_t length, std::vector<int64_t>& tokens) {
    const std::vector<int64_t> prompt(static_cast<size_t>(length), 1);
    runner_->begin(0, prompt);
    const Instant start = monotonic_now();
    for (size_t slot = 0; slot < tokens.size(); ++slot) {
      tokens[slot] = runner_->begin(static_cast<int64_t>(slot), prompt);
    }
    const double seconds = to_seconds(monotonic_now() - start);
    return static_cast<double>(length * shape_.slots) / seconds;
  }

  /// Precondition: no sequence is in slot 0.
  Result<std::string> probe() {
    const auto room = static_cast<size_t>(shape_.context) - kProbeTokens;
    CORUN_ASSIGN(std::string answer, begin(0, std::string(kProbePrompt).substr(0, room)));
    for (size_t i = 1; i < kProbeTokens; ++i) {
      const size_t slot = 0;
      CORUN_ASSIGN(const std::vector<std::string> next, step({&slot, 1}));
      answer += next.front();
    }
    end(0);
    return answer;
  }

  std::vector<int64_t> tokens_from(const std::string& text) const {
    std::vector<int64_t> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c) % shape_.vocabulary);
    if (tokens.empty()) tokens.push_back(0);
    return tokens;
  }
  static std::string text_of_token(int64_t token) {
    return std::string(1, static_cast<char>(' ' + token % 95));
  }

  Signature signature_;
  std::string what_;
  DecoderShape shape_;
  int64_t chunk_;
  TorchOptions options_;
  libtorch::Placement place_;
  std::unique_ptr<TextRunner> runner_;
  std::vector<std::optional<Sequence>> sequences_;  ///< by slot
  std::string expected_;
};

}  // namespace

std::unique_ptr<TextModel> make_torch_text_model(Signature signature, const DecoderShape& shape,
                                                 int64_t chunk, const TorchOptions& options) {
  return std::make_unique<TorchText>(std::move(signature), shape, chunk, options);
}

}  // namespace corun::inference
