#include "sample.h"

#include "core/units.h"

namespace corun::monitoring {

namespace {

constexpr double kAt = 1'790'000'000;
constexpr double kTapeEnd = kAt - 1;
constexpr char kH200[] = "GPU-5f1c8a32";

Figure measured(double value) { return {value, client::Label::kMeasured}; }
Figure estimated(double value) { return {value, client::Label::kEstimated}; }

Process process(int pid, const char* user, const char* command, uint64_t gib,
                std::optional<std::string> container, std::optional<std::string> workload) {
  return {.pid = pid,
          .name = "python3",
          .command = "/usr/bin/" + std::string(command),
          .user = user,
          .memory_bytes = gib * kGiB,
          .sm_utilization = 0.2,
          .container = std::move(container),
          .workload = std::move(workload),
          .started = kAt - 3600};
}

Workload workload(const char* id, ServiceClass service_class, double ratio, double gib) {
  const std::string text = id;
  Workload made;
  made.gpu = kH200;
  made.workload = text;
  made.name = text.substr(text.find('/') + 1);
  made.user = "alice";
  made.service_class = service_class;
  made.state = "running";
  made.rates.gpu_ratio = measured(ratio);
  made.rates.wait_ratio = estimated(0.04);
  made.figures["memory_bytes"] = measured(gib * static_cast<double>(kGiB));
  return made;
}

Gpu h200() {
  Gpu gpu;
  gpu.uuid = kH200;
  gpu.name = "NVIDIA H200";
  gpu.memory_bytes = 141 * kGiB;
  gpu.memory_used_bytes = 113 * kGiB;
  gpu.utilization = 0.87;
  gpu.power_watts = 655;
  gpu.power_limit_watts = 700;
  gpu.temperature_celsius = 71;
  gpu.throttle_reasons = {"sw-power-cap"};
  gpu.mode = "managed";
  gpu.daemon = Daemon{.policy = "priority", .backend = "slices", .slices = "proven"};
  gpu.processes = {process(41210, "alice", "python3 -m serve --model chat-70b", 36, "7f5d41aa9f3c",
                           "1000/serve"),
                   process(50112, "bob", "torchrun train.py --config big.yaml", 26, "3de7b4aa9f3c",
                           "1001/train"),
                   process(50113, "bob", "torchrun train.py --config big.yaml", 25, "3de7b4aa9f3c",
                           "1001/train"),
                   process(33120, "erin", "blender", 2, std::nullopt, std::nullopt)};
  return gpu;
}

Gpu a100() {
  Gpu gpu;
  gpu.uuid = "GPU-c27be9f0";
  gpu.index = 1;
  gpu.name = "NVIDIA A100-SXM4-80GB";
  gpu.memory_bytes = 80 * kGiB;
  gpu.memory_used_bytes = 20 * kGiB;
  gpu.temperature_celsius = 44;
  gpu.mode = "mig";
  gpu.mig = Mig{true, 8, {{1, 0, "MIG-1", "3g.40gb", 40 * kGiB, 0, 4}}};
  Process one = process(60244, "dave", "python3 sweep.py", 9, std::nullopt, std::nullopt);
  one.gpu_instance = 1;
  gpu.processes = {one};
  return gpu;
}

}  // namespace

Snapshot sample_snapshot() {
  Snapshot snapshot;
  snapshot.at = kAt;
  snapshot.node.hostname = "gpu-node-07";
  snapshot.node.driver = "580.95.05";
  snapshot.node.simulated = true;
  snapshot.gpus = {h200(), a100()};
  snapshot.containers = {
      {.id = "3de7b4aa9f3c", .short_id = "3de7b4aa9f3c", .name = "train-llm"},
      {.id = "7f5d41aa9f3c", .short_id = "7f5d41aa9f3c", .pod = Pod{"uid", "chat-7c9d5", "prod"}}};
  auto serve = workload("1000/serve", ServiceClass::kLatencyCritical, 0.21, 36);
  serve.latency_target_us = 5000;
  serve.figures["burst_p99_us"] = measured(6200);
  serve.memory_limit_bytes = 48 * kGiB;
  serve.containers = {"7f5d41aa9f3c"};
  serve.now.gate_closed = true;
  auto train = workload("1001/train", ServiceClass::kBestEffort, 0.52, 51);
  train.weight = 3;
  train.containers = {"3de7b4aa9f3c"};
  train.now.waits = true;
  auto tune = workload("1002/finetune", ServiceClass::kNormal, 0.14, 18);
  tune.rates.gpu_ratio = estimated(0.14);
  tune.now.holds_gpu = true;
  auto notebook = workload("1002/notebook", ServiceClass::kBestEffort, 0, 0);
  notebook.state = "parked";
  snapshot.workloads = {serve, train, tune, notebook};
  return snapshot;
}

SliceTape sample_tape() {
  SliceTape tape(5);
  const auto add = [&](const char* workload, double begin, double end, const char* what) {
    tape.add({kH200, workload, kTapeEnd - 3 + begin, kTapeEnd - 3 + end, what, end - begin,
              client::Label::kMeasured});
  };
  for (int i = 0; i < 30; ++i) {
    const double at = i * 0.1;
    add("1000/serve", at, at + 0.02 + 0.002 * i, "run");
    add("1001/train", at, at + 0.02 + 0.002 * i, "wait");
    if (i % 10 < 7) add("1001/train", at + 0.02 + 0.002 * i, at + 0.1, "run");
  }
  add("1002/finetune", 0.5, 1.5, "turn");
  add("1002/notebook", 0, 3, "parked");
  return tape;
}

}  // namespace corun::monitoring
