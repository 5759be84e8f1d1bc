#include "workloads/inference/torch/runner.h"

#include <c10/core/StreamGuard.h>
#include <fmt/format.h>

#include <algorithm>

#include "workloads/inference/torch/graph_sizes.h"
#include "workloads/inference/torch/tensors.h"

namespace corun::inference {

namespace {

constexpr int kWarmRuns = 3;  ///< libraries set themselves up in the first ones
constexpr uint64_t kFillSeed = 4711;

}  // namespace

Result<std::unique_ptr<Runner>> Runner::create(const NetworkPlan& plan,
                                               const RunnerOptions& options) {
  if (options.graphs && (!options.place.device.is_cuda() || !libtorch::has_graphs())) {
    return unsupported("CUDA graphs need a GPU, and a program built with CUDA's headers",
                       "use graph=off");
  }
  std::unique_ptr<Runner> runner(new Runner(plan, options));
  if (!options.graphs) return runner;
  runner->pool_ = libtorch::make_graph_pool();
  // The largest first: the others find its memory in the pool.
  for (const int64_t rows : power_sizes(1, options.max_batch)) {
    Lane lane = runner->make_lane(rows);
    CORUN_TRY(runner->capture(rows, lane));
    runner->lanes_.emplace(rows, std::move(lane));
  }
  return runner;
}

Runner::Runner(const NetworkPlan& plan, const RunnerOptions& options)
    : plan_(plan), options_(options), stream_(libtorch::own_stream(options.place.device)) {
  const c10::StreamGuard guard(stream_);
  libtorch::tune_convolutions();
  Weights weights(options.place, options.seed);
  network_ = plan_.build(weights);
  weight_bytes_ = weights.bytes();
}

int64_t Runner::size_for(int64_t rows) const {
  if (options_.max_batch == 0) return 0;
  if (!options_.graphs) return rows;
  return size_that_holds(rows, 1, options_.max_batch);
}

Runner::Lane& Runner::lane(int64_t rows) {
  const int64_t size = size_for(rows);
  const auto found = lanes_.find(size);
  if (found != lanes_.end()) return found->second;
  const c10::StreamGuard guard(stream_);
  return lanes_.emplace(size, make_lane(size)).first->second;
}

Runner::Lane Runner::make_lane(int64_t rows) {
  const at::Device device = options_.place.device;
  Lane lane;
  lane.host_inputs = host_tensors(plan_.inputs, rows, device.is_cuda());
  lane.host_outputs = host_tensors(plan_.outputs, rows, device.is_cuda());
  for (const at::Tensor& host : lane.host_inputs) {
    if (device.is_cpu()) {
      lane.inputs.push_back(host);
      continue;
    }
    lane.inputs.push_back(
        at::empty(host.sizes(), host.options().device(device).pinned_memory(false)));
    buffer_bytes_ += host.nbytes();
  }
  return lane;
}

void Runner::copy_in(Lane& lane) {
  for (size_t i = 0; i < lane.inputs.size(); ++i) {
    if (!lane.inputs[i].is_same(lane.host_inputs[i])) {
      lane.inputs[i].copy_(lane.host_inputs[i], /*non_blocking=*/true);
    }
  }
}

void Runner::copy_out(Lane& lane) {
  for (size_t i = 0; i < lane.outputs.size(); ++i) {
    lane.host_outputs[i].copy_(lane.outputs[i], /*non_blocking=*/true);
  }
}

Status Runner::capture(int64_t rows, Lane& lane) {
  const c10::StreamGuard guard(stream_);
  at::manual_seed(kFillSeed);
  for (size_t i = 0; i < plan_.inputs.size(); ++i) {
    fill_randomly(plan_.inputs[i], lane.host_inputs[i]);
  }
  copy_in(lane);
  std::vector<at::Tensor> eager;
  for (int i = 0; i < kWarmRuns; ++i) eager = network_->run(lane.inputs);
  libtorch::synchronize(stream_);
  lane.graph = pool_->capture([&] { lane.outputs = network_->run(lane.inputs); });
  for (at::Tensor& output : lane.outputs) output.zero_();
  lane.graph->replay();
  copy_out(lane);
  libtorch::synchronize(stream_);
  for (size_t i = 0; i < eager.size(); ++i) {
    buffer_bytes_ += eager[i].nbytes();
    if (nearly_equal(lane.host_outputs[i], eager[i].to(at::kCPU))) continue;
    return failed(fmt::format("the CUDA graph for {} rows computes another {} than the network",
                              rows, plan_.outputs[i].name),
                  "try graph=off");
  }
  return {};
}

void Runner::enqueue(int64_t rows) {
  const c10::StreamGuard guard(stream_);
  Lane& used = lane(rows);
  if (used.graph) return used.graph->replay();
  used.outputs = network_->run(used.inputs);
}

const std::vector<at::Tensor>& Runner::run(int64_t rows) {
  const c10::StreamGuard guard(stream_);
  Lane& used = lane(rows);
  copy_in(used);
  enqueue(rows);
  copy_out(used);
  libtorch::synchronize(stream_);
  return used.host_outputs;
}

std::vector<at::Tensor> Runner::run_free(const std::vector<at::Tensor>& host) {
  const c10::StreamGuard guard(stream_);
  std::vector<at::Tensor> inputs;
  for (const at::Tensor& tensor : host) inputs.push_back(tensor.to(options_.place.device));
  std::vector<at::Tensor> outputs;
  for (const at::Tensor& tensor : network_->run(inputs)) {
    outputs.push_back(tensor.to(at::kCPU).contiguous());
  }
  return outputs;
}

void Runner::fill(int64_t rows) {
  at::manual_seed(kFillSeed);
  Lane& used = lane(rows);
  for (size_t i = 0; i < plan_.inputs.size(); ++i) {
    fill_randomly(plan_.inputs[i], used.host_inputs[i]);
  }
}

std::string digest_of(std::string_view bytes) {
  uint64_t digest = 0xcbf29ce484222325;  // FNV-1a
  for (const char c : bytes) digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", digest);
}

std::string digest_of(const std::vector<at::Tensor>& tensors) {
  std::string all;
  for (const at::Tensor& tensor : tensors) all += bytes_of(tensor);
  return digest_of(all);
}

bool nearly_equal(const at::Tensor& found, const at::Tensor& expected) {
  if (found.numel() == 0) return true;
  const at::Tensor wanted = expected.to(at::kDouble);
  const double largest = wanted.abs().max().item<double>();
  const double difference = (found.to(at::kDouble) - wanted).abs().max().item<double>();
  return difference <= 0.02 * std::max(largest, 1e-6);
}

}  // namespace corun::inference
