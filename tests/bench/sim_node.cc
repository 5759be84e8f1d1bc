#include "tests/bench/sim_node.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "core/environment.h"

namespace corun::bench {

namespace {

namespace fs = std::filesystem;

constexpr Nanos kPatience = std::chrono::seconds(20);
constexpr int kLaunchesPerWait = 256;

fs::path simgpu_folder() {
  return fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "simgpu";
}

}  // namespace

Result<SimNode> SimNode::start() {
  CORUN_ASSIGN(TemporaryFolder folder, TemporaryFolder::create("corun-bench-"));
  const fs::path node = folder.path() / "node";
  ProcessOptions options;
  options.argv = {(simgpu_folder() / "corun-simgpud").string(), "--node", node.string()};
  CORUN_ASSIGN(Process server, Process::start(options));
  const Instant deadline = monotonic_now() + kPatience;
  while (!fs::exists(node / "ready")) {
    if (server.poll() || monotonic_now() > deadline) {
      return failed("the simulated node did not start");
    }
    sleep_until(monotonic_now() + std::chrono::milliseconds(5));
  }
  setenv(kEnvSimNode, node.c_str(), 1);
  setenv(kEnvDriverDir, simgpu_folder().c_str(), 1);
  return SimNode(std::move(folder), std::move(server));
}

Result<Client> Client::open() {
  CORUN_ASSIGN(std::unique_ptr<gpu::Driver> driver, gpu::Driver::load());
  CORUN_TRY(driver->init());
  CORUN_ASSIGN(gpu::Context context, gpu::Context::open(*driver, 0));
  CORUN_ASSIGN(gpu::Stream stream, gpu::Stream::create(*driver));
  CORUN_ASSIGN(synthetic::Kernels kernels, synthetic::Kernels::load(*driver));
  CORUN_ASSIGN(gpu::DeviceMemory state,
               gpu::DeviceMemory::allocate(*driver, kWords * sizeof(uint32_t)));
  return Client{std::move(driver), std::move(context), std::move(stream), std::move(kernels),
                std::move(state)};
}

Result<double> launch_rate(Client& client, double seconds) {
  const Instant start = monotonic_now();
  const Instant end = start + from_seconds(seconds);
  uint64_t launches = 0;
  Instant now = start;
  while (now < end) {
    for (int i = 0; i < kLaunchesPerWait; ++i) {
      CORUN_TRY(client.kernels.step(client.stream.get(), client.argument()));
    }
    CORUN_TRY(client.stream.synchronize());
    launches += kLaunchesPerWait;
    now = monotonic_now();
  }
  return static_cast<double>(launches) / to_seconds(now - start);
}

}  // namespace corun::bench
