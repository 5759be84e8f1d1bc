#include "workloads/inference/server/server_workload.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace corun::inference {

namespace {

constexpr uint64_t kWarmTokens = 16;
constexpr Nanos kPoll = std::chrono::milliseconds(1);

/// Zeros in the shapes of the signature; sizes that are free are 1.
InferRequest blank_request(const Signature& signature) {
  InferRequest request;
  for (const TensorSpec& spec : signature.inputs) {
    Tensor tensor{spec.name, spec.type, spec.shape, {}};
    if (signature.max_batch > 0) tensor.shape.insert(tensor.shape.begin(), 1);
    uint64_t elements = 1;
    for (int64_t& size : tensor.shape) {
      if (size < 0) size = 1;
      elements *= static_cast<uint64_t>(size);
    }
    for (uint64_t i = 0; spec.type == DataType::kBytes && i < elements; ++i) {
      append_string(tensor.bytes, {});
    }
    tensor.bytes.resize(tensor.bytes.size() + elements * element_bytes(spec.type));
    request.inputs.push_back(std::move(tensor));
  }
  return request;
}

/// So many requests in flight until the time is over: each that ends submits the next.
class ClosedLoop {
 public:
  /// `submit` sends one request whose end calls done() once.
  using Submit = std::function<std::optional<Refusal>(ClosedLoop& loop)>;

  ClosedLoop(Submit submit, Instant end) : submit_(std::move(submit)), end_(end) {}

  /// Returns the items that were done. Errors (failed): a request was refused or failed.
  Result<uint64_t> run(size_t in_flight) {
    for (size_t i = 0; i < in_flight; ++i) begin_one();
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
    if (error_) return *error_;
    return items_;
  }
  void done(uint64_t items, const Refusal* refusal) {
    {
      const std::lock_guard lock(mutex_);
      items_ += items;
      if (refusal != nullptr && !error_) error_ = failed(refusal->text);
    }
    if (refusal == nullptr && monotonic_now() < end_) begin_one();
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) ended_.notify_all();  // with the lock: run() may end the object then
  }

 private:
  void begin_one() {
    {
      const std::lock_guard lock(mutex_);
      ++running_;
    }
    const std::optional<Refusal> refusal = submit_(*this);
    if (!refusal) return;
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = failed(refusal->text);
    if (--running_ == 0) ended_.notify_all();
  }

  Submit submit_;
  Instant end_;
  std::mutex mutex_;
  std::condition_variable ended_;
  size_t running_ = 0;          // guarded by mutex_
  uint64_t items_ = 0;          // guarded by mutex_
  std::optional<Error> error_;  // guarded by mutex_
};

std::optional<Refusal> submit_blank(BatchServer& server, ClosedLoop& loop) {
  InferJob job;
  job.request = blank_request(server.signature());
  job.arrival = monotonic_now();
  job.done = [&loop](const InferRequest&, InferOutcome outcome) {
    loop.done(1, std::get_if<Refusal>(&outcome));
  };
  return server.submit(std::move(job));
}

std::optional<Refusal> submit_blank(TextServer& server, ClosedLoop& loop) {
  TextJob job;
  job.request.text_input = "warm";
  job.request.max_tokens = kWarmTokens;
  job.arrival = monotonic_now();
  job.token = [](const std::string&) {};
  job.end = [&loop](std::optional<Refusal> refusal) {
    loop.done(refusal ? 0 : kWarmTokens, refusal ? &*refusal : nullptr);
  };
  return server.submit(std::move(job));
}

}  // namespace

Result<tenant::WarmFigures> ServerWorkload::warm(Nanos length) {
  const Instant start = monotonic_now();
  const auto served = service_.find(model().signature().name, std::nullopt);
  const auto submit = [&](ClosedLoop& loop) {
    return std::visit([&](auto* server) { return submit_blank(*server, loop); }, *served);
  };
  ClosedLoop loop(submit, start + length);
  // No more than the queue surely takes.
  const auto batch = static_cast<size_t>(std::max<int64_t>(model().signature().max_batch, 1));
  CORUN_ASSIGN(const uint64_t items, loop.run(std::min(2 * batch, model().max_queue())));
  return tenant::pipelined_figures(items, monotonic_now() - start);
}

Result<tenant::WindowOutcome> ServerWorkload::run(const tenant::Window& window,
                                                  tenant::Recorder& recorder) {
  model().observe([&](const Timing& timing, uint64_t items) {
    if (timing.arrival < window.start || timing.arrival >= window.end()) return;
    recorder.request(timing.arrival, timing.start, timing.end, items);
  });
  while (monotonic_now() < window.end() && recorder.listening()) {
    sleep_until(std::min(window.end(), monotonic_now() + 20 * kPoll));
  }
  const auto unanswered = [&] { return model().metrics().waiting + model().metrics().running; };
  while (unanswered() > 0 && monotonic_now() < window.give_up() && recorder.listening()) {
    sleep_until(monotonic_now() + kPoll);
  }
  model().observe(nullptr);  // after it, no observer runs any more
  return tenant::WindowOutcome{.unanswered = unanswered()};
}

Result<std::optional<tenant::Verification>> ServerWorkload::verify() {
  std::optional<tenant::Verification> all;
  for (ModelThread* model : service_.models()) {
    CORUN_ASSIGN(const auto one, model->verify());
    if (!one) continue;
    if (!all) all = tenant::Verification{.checksum = {}, .ok = true};
    all->checksum += one->checksum;
    all->ok = all->ok && one->ok;
  }
  return all;
}

uint64_t ServerWorkload::memory_bytes() const {
  uint64_t bytes = 0;
  for (const ModelThread* model : service_.models()) bytes += model->memory_bytes();
  return bytes;
}

}  // namespace corun::inference
