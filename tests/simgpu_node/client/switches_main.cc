// Reads the node's record of context switches as corund does, through the device files that
// libsimdev.so, which the tests preload, stands for.
//   read GPU MS    "open" (or why not); after MS: a line "PID RUNS SECONDS" each, then "misfits N"
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <string>

#include "gpu/inventory.h"
#include "gpu/switch_buffer.h"
#include "tests/simgpu_node/number.h"

namespace corun::simgpu::testing {
namespace {

int say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
  return 0;
}

int read(int index, int64_t ms) {
  const auto gpus = gpu::list_gpus();
  if (!gpus) return say(gpus.error().text());
  const GpuInfo& gpu = gpus->at(static_cast<size_t>(index));
  auto buffer = gpu::SwitchBuffer::open(gpu);
  if (!buffer) return say(buffer.error().text());
  say("open");
  gpu::Timeline timeline;
  struct Sum {
    int runs = 0;
    Nanos time{0};
  };
  std::map<std::string, Sum> sums;
  const Instant end = monotonic_now() + std::chrono::milliseconds(ms);
  while (monotonic_now() < end) {
    sleep_until(monotonic_now() + std::chrono::milliseconds(20));
    const auto batch = buffer->read();
    if (!batch) return say(batch.error().text());
    for (const gpu::Piece& piece : timeline.take(*batch)) {
      const bool run = piece.kind == gpu::Piece::Kind::kRun;
      Sum& sum = sums[run                                       ? std::to_string(piece.pid)
                      : piece.kind == gpu::Piece::Kind::kSwitch ? "switch"
                      : piece.kind == gpu::Piece::Kind::kNobody ? "nobody"
                                                                : "unknown"];
      sum.runs += piece.ends ? 1 : 0;
      sum.time += Nanos(piece.end_ns - piece.begin_ns);
    }
  }
  for (const auto& [who, sum] : sums) {
    say(fmt::format("{} {} {:.4f}", who, sum.runs, to_seconds(sum.time)));
  }
  return say(fmt::format("misfits {}", timeline.misfits()));
}

}  // namespace
}  // namespace corun::simgpu::testing

int main(int argc, char** argv) {
  using namespace corun::simgpu::testing;
  if (argc != 4 || std::string(argv[1]) != "read") {
    fmt::print(stderr, "usage: simgpu_switches_client read GPU MS\n");
    return 2;
  }
  return read(static_cast<int>(number_in(argv[2])), static_cast<int64_t>(number_in(argv[3])));
}
