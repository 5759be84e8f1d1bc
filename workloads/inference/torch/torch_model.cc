#include "workloads/inference/torch/torch_model.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>

#include "workloads/inference/torch/measure.h"
#include "workloads/inference/torch/runner.h"
#include "workloads/inference/torch/tensors.h"
#include "workloads/torch/caught.h"

namespace corun::inference {

namespace {

bool has_free_size(const std::vector<TensorSpec>& specs) {
  return std::any_of(specs.begin(), specs.end(), [](const TensorSpec& spec) {
    return std::count(spec.shape.begin(), spec.shape.end(), -1) > 0;
  });
}

class TorchModel final : public Model, public Measurable {
 public:
  TorchModel(Signature signature, NetworkPlan plan, const TorchOptions& options)
      : signature_(std::move(signature)),
        what_("model '" + signature_.name + "'"),
        plan_(std::move(plan)),
        options_(options),
        free_(has_free_size(plan_.inputs) || has_free_size(plan_.outputs)) {}

  const Signature& signature() const override { return signature_; }
  uint64_t memory_bytes() const override { return runner_ ? runner_->memory_bytes() : 0; }

  Status load() override {
    return libtorch::caught(what_.c_str(), [this] { return set_up(); });
  }

  Result<std::vector<Tensor>> infer(const std::vector<Tensor>& inputs, int64_t rows) override {
    auto outputs = libtorch::caught(what_.c_str(), [&] { return run(inputs, rows); });
    // Memory may be what it lacked: what LibTorch keeps for later may help the next batch.
    if (!outputs) libtorch::release_cached_memory(place_.device);
    return outputs;
  }

  /// The largest batch, without the copies.
  Result<Figures> measure(Nanos duration) override {
    if (free_) return unsupported(what_ + " has no fixed sizes, so there is no batch to measure");
    return libtorch::caught(what_.c_str(), [&]() -> Result<Figures> {
      const c10::InferenceMode mode;
      const int64_t rows = std::max<int64_t>(signature_.max_batch, 1);
      Figures figures = libtorch_figures(place_, runner_->graphs(), rows);
      figures.weight_bytes = runner_->weight_bytes();
      runner_->fill(rows);
      runner_->run(rows);
      time_runs(
          duration, static_cast<double>(rows), [&] { runner_->enqueue(rows); },
          [&] { runner_->finish(); }, figures);
      return figures;
    });
  }

  /// One row of fixed inputs, whose exact outputs are known from the beginning.
  Result<std::optional<tenant::Verification>> verify() override {
    using Verified = Result<std::optional<tenant::Verification>>;
    if (free_) return std::optional<tenant::Verification>();
    return libtorch::caught(what_.c_str(), [this]() -> Verified {
      const std::string digest = probe();
      return std::optional(tenant::Verification{.checksum = digest, .ok = digest == expected_});
    });
  }

 private:
  Status set_up() {
    const c10::InferenceMode mode;
    if (options_.threads > 0) at::set_num_threads(options_.threads);
    CORUN_ASSIGN(place_, libtorch::placement(options_.device, options_.type));
    const bool graphs =
        options_.graph && !free_ && libtorch::has_graphs() && place_.device.is_cuda();
    CORUN_ASSIGN(runner_, Runner::create(plan_, {.place = place_,
                                                 .seed = options_.seed,
                                                 .graphs = graphs,
                                                 .max_batch = signature_.max_batch}));
    if (!free_) expected_ = probe();
    return {};
  }

  std::string probe() {
    const c10::InferenceMode mode;
    runner_->fill(1);
    return digest_of(runner_->run(1));
  }

  Result<std::vector<Tensor>> run(const std::vector<Tensor>& inputs, int64_t rows) {
    const c10::InferenceMode mode;
    at::Tensor workspace;
    if (options_.workspace > 0) {
      workspace = at::empty({static_cast<int64_t>(options_.workspace) * rows},
                            at::TensorOptions().device(place_.device).dtype(at::kByte));
    }
    return free_ ? run_free(inputs) : run_fixed(inputs, rows);
  }

  std::vector<Tensor> run_fixed(const std::vector<Tensor>& inputs, int64_t rows) {
    const std::vector<at::Tensor>& hosts = runner_->inputs(rows);
    for (size_t i = 0; i < inputs.size(); ++i) {
      std::memcpy(hosts[i].data_ptr(), inputs[i].bytes.data(), inputs[i].bytes.size());
    }
    std::vector<Tensor> outputs;
    for (const at::Tensor& host : runner_->run(rows)) {
      const bool batched = signature_.max_batch > 0;
      outputs.push_back(output(outputs.size(), batched ? host.narrow(0, 0, rows) : host));
    }
    return outputs;
  }

  std::vector<Tensor> run_free(const std::vector<Tensor>& inputs) {
    std::vector<at::Tensor> hosts;
    for (const Tensor& input : inputs) {
      const at::ScalarType type = torch_type(input.type).value();
      hosts.push_back(at::empty(input.shape, type));
      std::memcpy(hosts.back().data_ptr(), input.bytes.data(), input.bytes.size());
    }
    std::vector<Tensor> outputs;
    for (const at::Tensor& host : runner_->run_free(hosts)) {
      outputs.push_back(output(outputs.size(), host));
    }
    return outputs;
  }

  Tensor output(size_t number, const at::Tensor& host) const {
    const TensorSpec& spec = signature_.outputs[number];
    return {spec.name, spec.type, host.sizes().vec(), bytes_of(host)};
  }

  Signature signature_;
  std::string what_;
  NetworkPlan plan_;
  TorchOptions options_;
  bool free_;  ///< sizes differ from request to request
  libtorch::Placement place_;
  std::unique_ptr<Runner> runner_;
  std::string expected_;
};

}  // namespace

std::unique_ptr<Model> make_torch_model(Signature signature, NetworkPlan plan,
                                        const TorchOptions& options) {
  return std::make_unique<TorchModel>(std::move(signature), std::move(plan), options);
}

}  // namespace corun::inference
