#include "workloads/inference/torch/text_runner.h"

#include <c10/core/StreamGuard.h>
#include <fmt/format.h>

#include <algorithm>

#include "workloads/inference/torch/graph_sizes.h"
#include "workloads/inference/torch/runner.h"

namespace corun::inference {

namespace {

/// Spans below read hardly less: the weights are what a step reads.
constexpr int64_t kLeastSpan = 256;
constexpr int kWarmSteps = 3;
/// Between two orders of the same sums in 16 bits, over tens of layers: some hundredths of the
/// logits' size. What is wrong differs by all of it.
constexpr double kMostDifference = 0.15;

at::TensorOptions whole_numbers(at::Device device, bool pinned) {
  return at::TensorOptions().dtype(at::kLong).device(device).pinned_memory(pinned);
}

/// |found - expected| / |expected|, both as vectors.
double relative_difference(const at::Tensor& found, const at::Tensor& expected) {
  const at::Tensor wanted = expected.to(at::kDouble);
  const double size = wanted.norm().item<double>();
  return (found.to(at::kDouble) - wanted).norm().item<double>() / std::max(size, 1e-12);
}

}  // namespace

Result<std::unique_ptr<TextRunner>> TextRunner::create(const TextRunnerOptions& options) {
  if (options.graphs && (!options.place.device.is_cuda() || !libtorch::has_graphs())) {
    return unsupported("CUDA graphs need a GPU, and a program built with CUDA's headers",
                       "use graph=off");
  }
  std::unique_ptr<TextRunner> runner(new TextRunner(options, Weights(options.place, options.seed)));
  CORUN_TRY(runner->use_own_kernels());
  if (options.graphs) CORUN_TRY(runner->capture_steps());
  return runner;
}

TextRunner::TextRunner(const TextRunnerOptions& options, Weights weights)
    : options_(options),
      stream_(libtorch::own_stream(options.place.device)),
      decoder_(options.shape, weights) {
  const int64_t slots = options.shape.slots;
  const at::Device device = options.place.device;
  host_input_ = at::zeros({2, slots}, whole_numbers(at::kCPU, device.is_cuda()));
  host_tokens_ = at::zeros({slots}, whole_numbers(at::kCPU, device.is_cuda()));
  input_ = at::zeros({2, slots}, whole_numbers(device, false));
  if (device.is_cuda()) {
    // The weights were made in the default stream.
    libtorch::synchronize(c10::Stream(c10::Stream::DEFAULT, device));
  }
}

Status TextRunner::use_own_kernels() {
  const DecoderShape& shape = options_.shape;
  const bool fits = shape.width % 8 == 0 && shape.head_width() % 2 == 0 && shape.hidden % 2 == 0;
  if (!fits || !libtorch::has_graphs() || options_.place.type != at::kBFloat16 ||
      !options_.place.device.is_cuda()) {
    return {};
  }
  CORUN_ASSIGN(std::unique_ptr<DecoderKernels> kernels,
               DecoderKernels::load(options_.place.device));
  decoder_.use(std::move(kernels));
  return {};
}

Status TextRunner::capture_steps() {
  pool_ = libtorch::make_graph_pool();
  const DecoderShape& shape = options_.shape;
  const c10::StreamGuard guard(stream_);
  decoder_.fill_cache(1);  // else all that a token sees is zero, but itself
  for (const int64_t rows : power_sizes(1, shape.slots)) {
    for (const int64_t span : power_sizes(kLeastSpan, shape.context)) {
      CORUN_TRY(capture(rows, span));
    }
  }
  decoder_.fill_cache(0);
  return {};
}

Status TextRunner::capture(int64_t rows, int64_t span) {
  const c10::StreamGuard guard(stream_);
  std::vector<int64_t> tokens, places;
  for (int64_t row = 0; row < rows; ++row) {
    tokens.push_back((11 + 7 * row) % options_.shape.vocabulary);
    places.push_back(std::max<int64_t>(span - 1 - row, 0));
  }
  set(tokens, places, rows);
  for (int i = 0; i < kWarmSteps; ++i) logits(rows, span);
  const at::Tensor plain = logits(rows, span, /*plain=*/true);
  libtorch::synchronize(stream_);
  Step step;
  at::Tensor found;
  step.graph = pool_->capture([&] {
    found = logits(rows, span);
    step.tokens = found.argmax(-1);
  });
  found.zero_();
  step.graph->replay();
  const double difference = relative_difference(found.to(at::kCPU), plain.to(at::kCPU));
  if (!(difference <= kMostDifference)) {
    return failed(fmt::format("the CUDA graph of a step of {} sequences computes other logits "
                              "than the network: they differ by {:.2g} of their size",
                              rows, difference),
                  "try graph=off");
  }
  difference_ = std::max(difference_, difference);
  steps_[{rows, span}] = std::move(step);
  return {};
}

/// The slots beyond tokens.size() stand at place 0.
void TextRunner::set(std::span<const int64_t> tokens, std::span<const int64_t> places,
                     int64_t rows) {
  auto* const values = host_input_.data_ptr<int64_t>();
  const auto slots = static_cast<size_t>(options_.shape.slots);
  std::fill_n(values, 2 * slots, 0);
  std::copy(tokens.begin(), tokens.end(), values);
  std::copy(places.begin(), places.end(), values + slots);
  input_.narrow(1, 0, rows).copy_(host_input_.narrow(1, 0, rows), /*non_blocking=*/true);
}

at::Tensor TextRunner::logits(int64_t rows, int64_t span, bool plain) {
  const at::Tensor used = input_.narrow(1, 0, rows);
  return decoder_.step(used[0], used[1], span, plain);
}

int64_t TextRunner::begin(int64_t slot, std::span<const int64_t> prompt) {
  const c10::StreamGuard guard(stream_);
  const auto count = static_cast<int64_t>(prompt.size());
  const at::Tensor host = at::empty({count}, whole_numbers(at::kCPU, input_.is_cuda()));
  std::copy(prompt.begin(), prompt.end(), host.data_ptr<int64_t>());
  const at::Tensor tokens = host.to(options_.place.device, /*non_blocking=*/true);
  at::Tensor last;
  for (int64_t place = 0; place < count; place += options_.chunk) {
    const int64_t length = std::min(options_.chunk, count - place);
    last = decoder_.read(slot, place, tokens.narrow(0, place, length));
  }
  return last.argmax(-1).item<int64_t>();
}

std::span<const int64_t> TextRunner::step(std::span<const int64_t> tokens,
                                          std::span<const int64_t> places) {
  const c10::StreamGuard guard(stream_);
  const DecoderShape& shape = options_.shape;
  int64_t rows = static_cast<int64_t>(tokens.size());
  int64_t span = *std::max_element(places.begin(), places.end()) + 1;
  at::Tensor next;
  if (options_.graphs) {
    rows = size_that_holds(rows, 1, shape.slots);
    span = size_that_holds(span, kLeastSpan, shape.context);
    set(tokens, places, rows);
    Step& step = steps_.at({rows, span});
    step.graph->replay();
    next = step.tokens;
  } else {
    set(tokens, places, rows);
    next = logits(rows, span).argmax(-1);
  }
  host_tokens_.narrow(0, 0, rows).copy_(next, /*non_blocking=*/true);
  libtorch::synchronize(stream_);
  return {host_tokens_.data_ptr<int64_t>(), tokens.size()};
}

}  // namespace corun::inference
