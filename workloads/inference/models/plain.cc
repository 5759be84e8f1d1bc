#include "workloads/inference/models/plain.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace corun::inference {

namespace {

/// Stands for work: a batch takes so long, or a token.
void spend(Nanos duration) {
  if (duration > Nanos(0)) sleep_until(monotonic_now() + duration);
}

class Echo final : public Model {
 public:
  Echo(Signature signature, Nanos takes) : signature_(std::move(signature)), takes_(takes) {}
  const Signature& signature() const override { return signature_; }
  Status load() override { return {}; }
  Result<std::vector<Tensor>> infer(const std::vector<Tensor>& inputs, int64_t) override {
    spend(takes_);
    std::vector<Tensor> outputs = inputs;
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].name = signature_.outputs[i].name;
    return outputs;
  }

 private:
  Signature signature_;
  Nanos takes_;
};

class Add final : public Model {
 public:
  explicit Add(Signature signature) : signature_(std::move(signature)) {}
  const Signature& signature() const override { return signature_; }
  Status load() override { return {}; }
  Result<std::vector<Tensor>> infer(const std::vector<Tensor>& inputs, int64_t) override {
    Tensor sum = inputs[0];
    Tensor difference = inputs[0];
    sum.name = signature_.outputs[0].name;
    difference.name = signature_.outputs[1].name;
    for (size_t at = 0; at < sum.bytes.size(); at += sizeof(uint32_t)) {
      uint32_t a = 0;
      uint32_t b = 0;
      std::memcpy(&a, inputs[0].bytes.data() + at, sizeof a);
      std::memcpy(&b, inputs[1].bytes.data() + at, sizeof b);
      const uint32_t added = a + b;  // unsigned: wraps as INT32 does on a GPU
      const uint32_t subtracted = a - b;
      std::memcpy(sum.bytes.data() + at, &added, sizeof added);
      std::memcpy(difference.bytes.data() + at, &subtracted, sizeof subtracted);
    }
    return std::vector<Tensor>{std::move(sum), std::move(difference)};
  }

 private:
  Signature signature_;
};

class Repeat final : public TextModel {
 public:
  Repeat(Signature signature, size_t slots, Nanos takes)
      : signature_(std::move(signature)), takes_(takes), sequences_(slots) {}
  const Signature& signature() const override { return signature_; }
  Status load() override { return {}; }
  size_t slots() const override { return sequences_.size(); }
  uint64_t max_tokens() const override { return kMaxTokens; }
  uint64_t tokens_of(const std::string& text) const override { return text.size(); }
  Result<std::string> begin(size_t slot, const std::string& prompt) override {
    sequences_[slot] = {prompt.empty() ? "." : prompt, 0};
    spend(takes_);
    return next(slot);
  }
  Result<std::vector<std::string>> step(std::span<const size_t> slots) override {
    spend(takes_);
    std::vector<std::string> texts;
    for (const size_t slot : slots) texts.push_back(next(slot));
    return texts;
  }
  void end(size_t slot) override { sequences_[slot] = {}; }

 private:
  static constexpr uint64_t kMaxTokens = 1 << 20;
  struct Sequence {
    std::string prompt;
    size_t at = 0;
  };
  std::string next(size_t slot) {
    Sequence& sequence = sequences_[slot];
    return std::string(1, sequence.prompt[sequence.at++ % sequence.prompt.size()]);
  }

  Signature signature_;
  Nanos takes_;
  std::vector<Sequence> sequences_;
};

Result<TensorSpec> parse_tensor_spec(std::string_view text) {
  const Error wrong = usage_error(fmt::format("'{}' is no tensor like UINT32:2x2", text));
  const size_t colon = text.find(':');
  const auto type = data_type_of(text.substr(0, colon));
  if (!type) return wrong;
  TensorSpec spec{{}, *type, {}};
  if (colon == std::string_view::npos) return spec;
  for (std::string_view rest = text.substr(colon + 1);; rest.remove_prefix(1)) {
    int64_t size = 0;
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
    if (code != std::errc() || size < -1) return wrong;
    spec.shape.push_back(size);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    if (rest.empty()) return spec;
    if (rest.front() != 'x') return wrong;
  }
}

std::unique_ptr<Model> make_echo(const ModelSpec& spec, uint64_t max_batch, Settings& settings) {
  Nanos takes{0};
  std::string tensors = "FP32:-1";
  settings.get("takes", takes);
  settings.get("tensors", tensors);
  Signature signature{.name = spec.name, .platform = "corun_echo", .inputs = {}, .outputs = {}};
  signature.max_batch = static_cast<int64_t>(max_batch);
  const auto inputs = parse_tensor_specs(tensors, "INPUT");
  const auto outputs = parse_tensor_specs(tensors, "OUTPUT");
  if (!inputs || !outputs) {
    settings.fail("tensors", inputs.error().what);
    return nullptr;
  }
  signature.inputs = *inputs;
  signature.outputs = *outputs;
  return std::make_unique<Echo>(std::move(signature), takes);
}

std::unique_ptr<Model> make_add(const ModelSpec& spec, uint64_t max_batch, Settings&) {
  Signature signature{
      .name = spec.name,
      .platform = "corun_add",
      .inputs = {{"INPUT0", DataType::kInt32, {16}}, {"INPUT1", DataType::kInt32, {16}}},
      .outputs = {{"OUTPUT0", DataType::kInt32, {16}}, {"OUTPUT1", DataType::kInt32, {16}}}};
  signature.max_batch = static_cast<int64_t>(max_batch);
  return std::make_unique<Add>(std::move(signature));
}

std::unique_ptr<TextModel> make_repeat(const ModelSpec& spec, uint64_t max_batch,
                                       Settings& settings) {
  Nanos takes{0};
  settings.get("takes", takes);
  Signature signature{.name = spec.name, .platform = "corun_repeat", .inputs = {}, .outputs = {}};
  signature.generates = true;
  return std::make_unique<Repeat>(std::move(signature), std::max<uint64_t>(max_batch, 1), takes);
}

}  // namespace

Result<std::vector<TensorSpec>> parse_tensor_specs(std::string_view text,
                                                   const std::string& prefix) {
  std::vector<TensorSpec> specs;
  while (true) {
    const std::string_view part = text.substr(0, text.find('+'));
    CORUN_ASSIGN(TensorSpec spec, parse_tensor_spec(part));
    spec.name = prefix + std::to_string(specs.size());
    specs.push_back(std::move(spec));
    if (part.size() == text.size()) return specs;
    text.remove_prefix(part.size() + 1);
  }
}

ModelKind echo_kind() {
  return {"echo", "gives its inputs back",
          "tensors=TYPE:SIZExSIZE+... (FP32:-1), takes=TIME a batch (0s)", make_echo};
}

ModelKind add_kind() {
  return {"add", "sum and difference of two INT32 tensors of 16", "", make_add};
}

ModelKind repeat_kind() {
  return {"repeat", "text: the prompt again and again, a byte a token", "takes=TIME a step (0s)",
          make_repeat};
}

}  // namespace corun::inference
