// What libcorun.so adds to a launch: the state machine around a driver that does nothing.
#include <benchmark/benchmark.h>

#include <memory>

#include "engine/shim/machine.h"

namespace corun::shim {
namespace {

/// A session whose driver answers at once and whose pages are the benchmark's own.
class Session {
 public:
  explicit Session(bool latency_critical) {
    driver_.ctx_get_current = [](ContextHandle* context) {
      *context = reinterpret_cast<ContextHandle>(0x1000);
      return Code::kSuccess;
    };
    driver_.host_register = [](void*, size_t, unsigned) { return Code::kSuccess; };
    driver_.host_device_pointer = [](DevicePtr* address, void*, unsigned) {
      *address = 0x2000;
      return Code::kSuccess;
    };
    driver_.stream_wait_value = [](StreamHandle, DevicePtr, uint32_t, unsigned) {
      return Code::kSuccess;
    };
    machine_.start(driver_, {.now_ns = [] { return uint64_t{1}; }}, latency_critical);
    page_.hot.gate = latency_critical ? 0 : -1;
    page_.hot.close_permille = 1000;
    page_.hot.wait_every_us = 100;
    pages_.session = &page_;
    pages_.gates[0] = &gate_;
    pages_.gate_writable[0] = true;
    machine_.show(*machine_.on_context(0, reinterpret_cast<ContextHandle>(0x1000)), &pages_);
  }
  ~Session() { machine_.free_devices(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void arm(uint32_t armed) { page_.hot.armed = armed; }
  void launch() {
    Operation operation;
    operation.stream = reinterpret_cast<StreamHandle>(0x4000);
    operation.key = Estimates::key(this, 132, 1, 1, 256, 0);
    machine_.before(operation);
    machine_.after(operation, Code::kSuccess);
  }

 private:
  Driver driver_;
  wire::SessionPage page_{};
  wire::GatePage gate_{};
  Pages pages_;
  Machine machine_;
};

void BM_shim_launch_unarmed(benchmark::State& state) {
  const auto session = std::make_unique<Session>(false);
  for (auto _ : state) {
    session->launch();
  }
}
BENCHMARK(BM_shim_launch_unarmed);

void BM_shim_launch_armed(benchmark::State& state) {
  const auto session = std::make_unique<Session>(false);
  session->arm(1);
  for (auto _ : state) {
    session->launch();
  }
}
BENCHMARK(BM_shim_launch_armed);

void BM_shim_launch_with_turns(benchmark::State& state) {
  const auto session = std::make_unique<Session>(false);
  session->arm(1 | wire::kArmedTurn);
  for (auto _ : state) {
    session->launch();
  }
}
BENCHMARK(BM_shim_launch_with_turns);

void BM_shim_launch_in_a_burst(benchmark::State& state) {
  const auto session = std::make_unique<Session>(true);
  for (auto _ : state) {
    session->launch();
  }
}
BENCHMARK(BM_shim_launch_in_a_burst);

}  // namespace
}  // namespace corun::shim
