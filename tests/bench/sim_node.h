// A simulated node for measurements, and a client of it.
#pragma once

#include <memory>
#include <string>

#include "core/files.h"
#include "core/process.h"
#include "gpu/context.h"
#include "gpu/memory.h"
#include "gpu/stream.h"
#include "workloads/synthetic/kernels.h"

namespace corun::bench {

/// corun-simgpud in a folder of its own. Afterwards this process's driver is the simulated one.
class SimNode {
 public:
  static Result<SimNode> start();

 private:
  SimNode(TemporaryFolder folder, Process server)
      : folder_(std::move(folder)), server_(std::move(server)) {}
  TemporaryFolder folder_;
  Process server_;
};

/// One context with one stream and the synthetic kernels.
struct Client {
  std::unique_ptr<gpu::Driver> driver;
  gpu::Context context;
  gpu::Stream stream;
  synthetic::Kernels kernels;
  gpu::DeviceMemory state;

  static Result<Client> open();
  synthetic::StateArgument argument() const { return {state.address(), kWords, 1}; }
  static constexpr uint32_t kWords = 64;
};

/// Launches empty kernels for `seconds`, waiting after every 256; returns launches per second.
Result<double> launch_rate(Client& client, double seconds);

}  // namespace corun::bench
