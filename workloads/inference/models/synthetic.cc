#include "workloads/inference/models/synthetic.h"

#include <fmt/format.h>

#include <cstring>

#include "workloads/inference/models/gpu_work.h"

namespace corun::inference {

namespace {

struct Cost {
  GpuWorkOptions work;
  uint64_t workspace = 0;  ///< device memory allocated for each row of a batch while it runs
  Nanos row{0};            ///< what each row beyond the first adds
  uint64_t width = 256;    ///< FP32 values of a row
};

void read_work(Settings& settings, GpuWorkOptions& work) {
  uint64_t gpu = 0;
  uint64_t kernels = work.kernels;
  settings.get_count("gpu", gpu, 0, 1023);
  settings.get_count("seed", work.common.seed, 0, UINT64_MAX);
  settings.get_count("kernels", kernels, 1, 10'000);
  settings.get_bytes("memory", work.common.memory_bytes);
  work.common.gpu = static_cast<int>(gpu);
  work.kernels = static_cast<uint32_t>(kernels);
}

/// A duration of work: the GPU cannot do nothing in no time.
void read_work_time(Settings& settings, const std::string& key, Nanos& out) {
  settings.get(key, out);
  if (out < std::chrono::microseconds(1) || out > std::chrono::seconds(10)) {
    settings.fail(key, "it must be 1us to 10s");
  }
}

class Synthetic final : public Model {
 public:
  Synthetic(Signature signature, const Cost& cost)
      : signature_(std::move(signature)), cost_(cost) {}

  const Signature& signature() const override { return signature_; }
  uint64_t memory_bytes() const override { return work_ ? work_->memory_bytes() : 0; }

  Status load() override {
    CORUN_ASSIGN(work_, GpuWork::open(cost_.work));
    const size_t bytes =
        cost_.width * sizeof(float) * static_cast<size_t>(std::max<int64_t>(1, most_rows()));
    CORUN_ASSIGN(device_, work_->allocate(bytes));
    CORUN_ASSIGN(host_, gpu::PinnedMemory::allocate(work_->driver(), bytes));
    return {};
  }

  Result<std::vector<Tensor>> infer(const std::vector<Tensor>& inputs, int64_t rows) override {
    gpu::DeviceMemory workspace;
    if (cost_.workspace > 0) {
      CORUN_ASSIGN(workspace, gpu::DeviceMemory::allocate(
                                  work_->driver(), cost_.workspace * static_cast<uint64_t>(rows)));
    }
    const std::string& bytes = inputs.front().bytes;
    std::memcpy(host_.data(), bytes.data(), bytes.size());
    const gpu::Driver& driver = work_->driver();
    const cuda::StreamHandle stream = work_->stream().get();
    CORUN_CUDA(driver, cuMemcpyHtoDAsync, device_.address(), host_.data(), bytes.size(), stream);
    CORUN_TRY(work_->enqueue_graph(cost_.work.fit + (rows - 1) * cost_.row));
    // What comes back was on the device: the host's copy is wiped in between.
    CORUN_TRY(work_->finish());
    std::memset(host_.data(), 0, bytes.size());
    CORUN_CUDA(driver, cuMemcpyDtoHAsync, host_.data(), device_.address(), bytes.size(), stream);
    CORUN_TRY(work_->finish());
    Tensor output{signature_.outputs.front().name, DataType::kFp32, inputs.front().shape, {}};
    output.bytes.assign(static_cast<const char*>(host_.data()), bytes.size());
    return std::vector<Tensor>{std::move(output)};
  }

  Result<std::optional<tenant::Verification>> verify() override {
    CORUN_ASSIGN(const tenant::Verification verification, work_->verify());
    return std::optional(verification);
  }

 private:
  int64_t most_rows() const { return signature_.max_batch; }

  Signature signature_;
  Cost cost_;
  std::unique_ptr<GpuWork> work_;  // before everything that lives in its context
  gpu::DeviceMemory device_;
  gpu::PinnedMemory host_;
};

struct TextCost {
  GpuWorkOptions work;  ///< work.fit: a step of one sequence
  Nanos sequence{0};    ///< what each sequence beyond the first adds to a step
  Nanos prompt_token = std::chrono::microseconds(20);
  uint64_t context = 4096;   ///< tokens of a sequence
  uint64_t token_bytes = 0;  ///< device memory held for each token of each slot
};

class SyntheticText final : public TextModel {
 public:
  SyntheticText(Signature signature, size_t slots, const TextCost& cost)
      : signature_(std::move(signature)), cost_(cost), given_(slots, 0) {}

  const Signature& signature() const override { return signature_; }
  uint64_t memory_bytes() const override { return work_ ? work_->memory_bytes() : 0; }
  size_t slots() const override { return given_.size(); }
  uint64_t max_tokens() const override { return cost_.context; }
  uint64_t tokens_of(const std::string& text) const override { return text.size(); }

  Status load() override {
    CORUN_ASSIGN(work_, GpuWork::open(cost_.work));
    const uint64_t bytes = cost_.token_bytes * cost_.context * given_.size();
    if (bytes > 0) {
      CORUN_ASSIGN(cache_, work_->allocate(bytes));
    }
    return {};
  }

  Result<std::string> begin(size_t slot, const std::string& prompt) override {
    const auto tokens = static_cast<int64_t>(std::max<size_t>(prompt.size(), 1));
    CORUN_TRY(work_->enqueue_launches(tokens * cost_.prompt_token));
    CORUN_TRY(work_->finish());
    given_[slot] = 0;
    return next(slot);
  }
  Result<std::vector<std::string>> step(std::span<const size_t> slots) override {
    const auto beyond = static_cast<int64_t>(slots.size()) - 1;
    CORUN_TRY(work_->enqueue_graph(cost_.work.fit + beyond * cost_.sequence));
    CORUN_TRY(work_->finish());
    std::vector<std::string> texts;
    for (const size_t slot : slots) texts.push_back(next(slot));
    return texts;
  }
  void end(size_t slot) override { given_[slot] = 0; }

  Result<std::optional<tenant::Verification>> verify() override {
    CORUN_ASSIGN(const tenant::Verification verification, work_->verify());
    return std::optional(verification);
  }

 private:
  std::string next(size_t slot) {
    return std::string(1, static_cast<char>('a' + given_[slot]++ % 26));
  }

  Signature signature_;
  TextCost cost_;
  std::unique_ptr<GpuWork> work_;  // before everything that lives in its context
  gpu::DeviceMemory cache_;
  std::vector<uint64_t> given_;  ///< tokens of each slot's sequence
};

std::unique_ptr<Model> make_synthetic(const ModelSpec& spec, uint64_t max_batch,
                                      Settings& settings) {
  Cost cost;
  read_work(settings, cost.work);
  read_work_time(settings, "takes", cost.work.fit);
  settings.get("row", cost.row);
  settings.get_bytes("workspace", cost.workspace);
  settings.get_count("width", cost.width, 1, 1 << 24);
  const Shape shape{static_cast<int64_t>(cost.width)};
  Signature signature{.name = spec.name,
                      .platform = "corun_synthetic",
                      .inputs = {{"INPUT0", DataType::kFp32, shape}},
                      .outputs = {{"OUTPUT0", DataType::kFp32, shape}}};
  signature.max_batch = static_cast<int64_t>(max_batch);
  return std::make_unique<Synthetic>(std::move(signature), cost);
}

std::unique_ptr<TextModel> make_synthetic_text(const ModelSpec& spec, uint64_t max_batch,
                                               Settings& settings) {
  TextCost cost;
  cost.work.fit = std::chrono::milliseconds(5);
  read_work(settings, cost.work);
  read_work_time(settings, "takes", cost.work.fit);
  settings.get("sequence", cost.sequence);
  read_work_time(settings, "prompt-token", cost.prompt_token);
  settings.get_count("context", cost.context, 2, 1 << 20);
  settings.get_bytes("token-memory", cost.token_bytes);
  Signature signature{
      .name = spec.name, .platform = "corun_synthetic_text", .inputs = {}, .outputs = {}};
  signature.generates = true;
  return std::make_unique<SyntheticText>(std::move(signature), std::max<uint64_t>(max_batch, 1),
                                         cost);
}

}  // namespace

ModelKind synthetic_kind() {
  return {
      "synthetic", "on the GPU: kernels of known cost and result, gives its input back",
      "takes=TIME a batch of one (600us), row=TIME a further row (0s), kernels=N (20),\n"
      "                  width=N values (256), workspace=SIZE a row (0), memory=SIZE held (0),\n"
      "                  gpu=N (0), seed=N (1)",
      make_synthetic};
}

ModelKind synthetic_text_kind() {
  return {"synthetic-text", "on the GPU: text, a byte a token, prompts and steps of known cost",
          "takes=TIME a step (5ms), sequence=TIME a further sequence (0s), prompt-token=TIME\n"
          "                  (20us), context=N tokens (4096), token-memory=SIZE (0), kernels, "
          "memory,\n                  gpu, seed",
          make_synthetic_text};
}

}  // namespace corun::inference
