// A GPU program for the tests of the simulated node, in a process of its own. Each verb prints what
// the test waits for, one line each; `hold` and `busy` live until they are killed.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

#include "core/clock.h"
#include "core/wait.h"
#include "tests/simgpu_node/client/driver.h"
#include "tests/simgpu_node/number.h"

namespace corun::simgpu::testing {
namespace {

int report(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
  return 0;
}

std::string name_of(cu::Code code) {
  const char* name = nullptr;
  Driver::get().cuGetErrorName(code, &name);
  return name == nullptr ? "?" : name;
}

/// Holds `mib` MiB of device memory and, with work, a kernel that fills the GPU for ten minutes.
int hold(uint64_t mib, bool with_work) {
  Fixture gpu;
  cu::DevicePtr memory = 0;
  if (gpu.code == cu::Code::kSuccess) gpu.code = gpu.driver.cuMemAlloc(&memory, mib << 20);
  if (gpu.code == cu::Code::kSuccess && with_work) gpu.code = gpu.launch_burn(600'000'000, 264);
  report(gpu.code == cu::Code::kSuccess ? "holding" : name_of(gpu.code));
  while (true) pause();
}

/// Launches kernels of `us` for `ms` from its first completion on; prints their number.
int spin(uint32_t us, int64_t ms) {
  Fixture gpu;
  if (gpu.code != cu::Code::kSuccess) return report(name_of(gpu.code));
  report("spinning");
  const Instant end = monotonic_now() + std::chrono::milliseconds(ms);
  int launches = 0;
  while (monotonic_now() < end) {
    for (int i = 0; i < 8; ++i) gpu.launch_burn(us);
    if (gpu.driver.cuStreamSynchronize(gpu.stream) != cu::Code::kSuccess) break;
    launches += 8;
  }
  return report(std::to_string(launches));
}

/// Waits for a fault: prints what a synchronisation returns once work fails.
int until_fault() {
  Fixture gpu;
  report(gpu.code == cu::Code::kSuccess ? "running" : name_of(gpu.code));
  cu::Code code = gpu.code;
  while (code == cu::Code::kSuccess) {
    code = gpu.launch_burn(1000);
    if (code == cu::Code::kSuccess) code = gpu.driver.cuStreamSynchronize(gpu.stream);
  }
  return report(name_of(code));
}

/// A step and a line, again and again; holds `mib` MiB. Ends with its result after `ticks`.
int tick(uint64_t mib, int ticks) {
  Fixture gpu;
  cu::DevicePtr memory = 0;
  if (gpu.code == cu::Code::kSuccess) gpu.code = gpu.driver.cuMemAlloc(&memory, mib << 20);
  if (gpu.code != cu::Code::kSuccess) return report(name_of(gpu.code));
  for (int i = 0; i < ticks; ++i) {
    gpu.launch_burn(2000);
    if (gpu.driver.cuStreamSynchronize(gpu.stream) != cu::Code::kSuccess) break;
    report("tick");
  }
  return report(gpu.read_state() == stepped(0, 0, ticks) ? "right" : "wrong");
}

/// Asks for its stream's state, and says so, for ever.
int watch(uint64_t mib) {
  Fixture gpu;
  cu::DevicePtr memory = 0;
  if (gpu.code == cu::Code::kSuccess) gpu.code = gpu.driver.cuMemAlloc(&memory, mib << 20);
  while (gpu.code == cu::Code::kSuccess) {
    report("watching");
    sleep_until(monotonic_now() + std::chrono::milliseconds(5));
    gpu.code = gpu.driver.cuStreamQuery(gpu.stream);
  }
  return report(name_of(gpu.code));
}

int fork_and_use() {
  Fixture gpu;
  const pid_t child = fork();
  if (child == 0) _exit(static_cast<int>(gpu.driver.cuInit(0)));
  int status = 0;
  waitpid(child, &status, 0);
  const bool parent_works =
      gpu.launch_step(1) == cu::Code::kSuccess && gpu.read_state() == stepped(0, 1, 1);
  return report(
      fmt::format("child {} parent {}", WEXITSTATUS(status), parent_works ? "ok" : "broken"));
}

}  // namespace
}  // namespace corun::simgpu::testing

int main(int argc, char** argv) {
  using namespace corun::simgpu::testing;
  const std::string verb = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) {
    return argc > i ? static_cast<unsigned>(number_in(argv[i])) : 0u;
  };
  if (verb == "hold") return hold(number(2), false);
  if (verb == "busy") return hold(number(2), true);
  if (verb == "spin") return spin(number(2), number(3));
  if (verb == "until-fault") return until_fault();
  if (verb == "tick") return tick(number(2), static_cast<int>(number(3)));
  if (verb == "watch") return watch(number(2));
  if (verb == "fork") return fork_and_use();
  fmt::print(
      stderr,
      "usage: simgpu_client hold|busy MIB | spin US MS | until-fault | tick MIB N | watch MIB |\n"
      "       fork\n");
  return 2;
}
