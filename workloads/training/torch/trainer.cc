#include "workloads/training/torch/trainer.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <deque>

#include "core/check.h"
#include "workloads/torch/caught.h"
#include "workloads/torch/torch_compat.h"
#include "workloads/training/torch/model.h"
#include "workloads/training/torch/optimizer.h"

namespace corun::training {

namespace {

using libtorch::Autocast;
using libtorch::caught;
using libtorch::Fence;
using libtorch::make_fence;

constexpr char kModelPrefix[] = "model.";
constexpr char kMemoryPrefix[] = "optimizer.";

const char* type_name(at::ScalarType type) { return type == at::kFloat ? "F32" : "I64"; }

/// A step that was begun and has not ended.
struct Begun {
  at::Tensor loss;  ///< on the host, once `done` is passed
  std::unique_ptr<Fence> done;
};

class TorchTrainer final : public Trainer {
 public:
  TorchTrainer(const TrainerOptions& options, at::Device device)
      : options_(options), device_(device) {
    if (options_.precision == Precision::kAuto) {
      options_.precision = device_.is_cuda() ? Precision::kBf16 : Precision::kFp32;
    }
    at::manual_seed(options.seed);
    const ModelSpec& spec = options.spec;
    model_ =
        spec.images ? make_resnet(spec.resnet, options.images) : make_transformer(spec.transformer);
    for (const NamedTensor& one : model_->parameters()) {
      one.tensor.set_data(one.tensor.to(device_));
      one.tensor.set_requires_grad(true);
    }
    for (const NamedTensor& one : model_->buffers()) one.tensor.set_data(one.tensor.to(device_));
    optimizer_ = spec.images ? make_sgd(*model_) : make_adamw(*model_);
    libtorch::tune_convolutions();
  }

  Status begin_step(const Batch& batch) override {
    return caught("a training step", [&] { return begin(batch); });
  }
  Result<float> end_step() override {
    CORUN_CHECK(!begun_.empty(), "a step was begun");
    return caught("a training step", [&]() -> Result<float> {
      const Begun oldest = std::move(begun_.front());
      begun_.pop_front();
      oldest.done->wait();
      return oldest.loss.item<float>();
    });
  }
  uint64_t steps() const override { return steps_; }

  Status with_state(const std::function<Status(State)>& use) override {
    return caught("the model's state", [&]() -> Status {
      State state;
      std::vector<at::Tensor> held;
      for_each([&](const std::string& name, const at::Tensor& tensor) {
        held.push_back(at::detach(tensor).to(at::kCPU).contiguous());
        const at::Tensor& copy = held.back();
        state.tensors.push_back({.name = name,
                                 .type = type_name(copy.scalar_type()),
                                 .shape = copy.sizes().vec(),
                                 .bytes = {static_cast<const char*>(copy.data_ptr()),
                                           static_cast<size_t>(copy.nbytes())}});
      });
      state.words["model"] = options_.spec.name;
      state.words["steps"] = std::to_string(steps_);
      return use(std::move(state));
    });
  }

  Status restore(const Checkpoint& checkpoint) override;

  Result<HostMemory> host_memory(size_t bytes) override {
    return caught("memory of the host", [&]() -> Result<HostMemory> {
      const auto options = at::TensorOptions().dtype(at::kByte).pinned_memory(device_.is_cuda());
      at::Tensor memory = at::empty({static_cast<int64_t>(bytes)}, options);
      auto* const data = static_cast<std::byte*>(memory.data_ptr());
      return HostMemory(data, [memory](std::byte*) {});
    });
  }
  uint64_t memory_bytes() const override { return libtorch::device_memory_bytes(device_.type()); }
  std::string device_name() const override { return device_.is_cuda() ? "cuda" : "cpu"; }
  uint64_t parameters() const override {
    uint64_t count = 0;
    for (const NamedTensor& one : model_->parameters()) {
      count += static_cast<uint64_t>(one.tensor.numel());
    }
    return count;
  }

 private:
  /// All tensors of the state, under their names in a checkpoint.
  template <typename Use>
  void for_each(Use use) const {
    for (const NamedTensor& one : model_->parameters()) use(kModelPrefix + one.name, one.tensor);
    for (const NamedTensor& one : model_->buffers()) use(kModelPrefix + one.name, one.tensor);
    for (const NamedTensor& one : optimizer_->memory()) use(kMemoryPrefix + one.name, one.tensor);
  }
  Status begin(const Batch& batch);
  at::Tensor input_of(const Batch& batch) const;

  TrainerOptions options_;
  at::Device device_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Optimizer> optimizer_;
  std::deque<Begun> begun_;
  uint64_t steps_ = 0;
};

at::Tensor TorchTrainer::input_of(const Batch& batch) const {
  const auto n = static_cast<int64_t>(batch.samples);
  void* const data = batch.input.data();
  if (options_.spec.images) {
    const ImageFormat& format = options_.images;
    return at::from_blob(data, {n, format.channels, format.height, format.width}, at::kByte);
  }
  const auto tokens = static_cast<int64_t>(batch.input.size() / sizeof(int32_t));
  return at::from_blob(data, {n, tokens / n}, at::kInt);
}

Status TorchTrainer::begin(const Batch& batch) {
  const auto n = static_cast<int64_t>(batch.samples);
  const at::Tensor host_target = at::from_blob(
      batch.target.data(), {n, static_cast<int64_t>(batch.target.size()) / n}, at::kLong);
  const at::Tensor input = input_of(batch).to(device_, /*non_blocking=*/true);
  const at::Tensor target = host_target.to(device_, /*non_blocking=*/true);
  at::Tensor loss;
  {
    const Autocast autocast(device_.type(), options_.precision == Precision::kBf16);
    loss = model_->loss(input, target);
  }
  loss.backward();
  const ModelSpec& spec = options_.spec;
  optimizer_->step(learning_rate_at(options_.learning_rate, spec.warmup_steps, steps_), steps_);
  ++steps_;
  Begun begun{
      .loss = at::empty({}, at::TensorOptions().dtype(at::kFloat).pinned_memory(device_.is_cuda())),
      .done = make_fence(device_.type())};
  begun.loss.copy_(at::detach(loss), /*non_blocking=*/true);
  begun.done->record();
  begun_.push_back(std::move(begun));
  return {};
}

Status TorchTrainer::restore(const Checkpoint& checkpoint) {
  const auto& words = checkpoint.state().words;
  const auto model = words.find("model");
  if (model == words.end() || model->second != options_.spec.name) {
    return usage_error(fmt::format("the checkpoint is not one of {}", options_.spec.name));
  }
  CORUN_ASSIGN(const uint64_t steps, checkpoint.number("steps"));
  return caught("the checkpoint", [&]() -> Status {
    const c10::NoGradGuard guard;
    Status status;
    for_each([&](const std::string& name, const at::Tensor& tensor) {
      const StateTensor* const kept = checkpoint.find(name);
      if (kept == nullptr || kept->type != type_name(tensor.scalar_type()) ||
          kept->shape != tensor.sizes().vec()) {
        status = usage_error(fmt::format("the checkpoint has no '{}' of this model's size", name));
        return;
      }
      void* const bytes = const_cast<char*>(kept->bytes.data());
      tensor.copy_(at::from_blob(bytes, kept->shape, tensor.scalar_type()));
    });
    CORUN_TRY(status);
    steps_ = steps;
    return {};
  });
}

}  // namespace

Result<std::unique_ptr<Trainer>> Trainer::create(const TrainerOptions& options) {
  using Made = Result<std::unique_ptr<Trainer>>;
  return caught("the model", [&]() -> Made {
    const bool gpu = libtorch::has_cuda();
    if (options.device == Device::kCuda && !gpu) {
      return unsupported("LibTorch sees no GPU here", "use --device cpu, or a LibTorch with CUDA");
    }
    if (options.threads > 0) at::set_num_threads(options.threads);
    const bool on_gpu = options.device == Device::kCuda || (options.device == Device::kAuto && gpu);
    const at::Device device = on_gpu ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
    return Made(std::make_unique<TorchTrainer>(options, device));
  });
}

}  // namespace corun::training
