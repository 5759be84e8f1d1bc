// corun-benchmarks: Google Benchmark's main, and the launching client of node_bench.cc.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstring>

#include "tests/bench/sim_node.h"

namespace {

constexpr double kClientSeconds = 2;

int launch_client() {
  auto client = corun::bench::Client::open();
  if (!client) {
    fmt::print(stderr, "launch client: {}\n", client.error().text());
    return 1;
  }
  const auto rate = corun::bench::launch_rate(*client, kClientSeconds);
  if (!rate) {
    fmt::print(stderr, "launch client: {}\n", rate.error().text());
    return 1;
  }
  fmt::print("{}\n", *rate);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--launch-client") == 0) return launch_client();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
