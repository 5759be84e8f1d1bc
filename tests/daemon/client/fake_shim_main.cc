// fake_shim SOCKET NAME CLASS [close|fork]: joins, closes its gate or forks a child that lives on,
// prints "session ID gate N", and lives until somebody kills it.
#include <fmt/core.h>

#include <cstdio>
#include <ctime>

#include "tests/daemon/fake_shim.h"

int main(int argc, char** argv) {
  using namespace corun;
  if (argc < 4) return 2;
  const bool critical = std::string(argv[3]) == "latency-critical";
  auto shim = testing::FakeShim::join(
      argv[1], testing::join_request(argv[2], critical ? wire::WorkloadClass::kLatencyCritical
                                                       : wire::WorkloadClass::kBestEffort));
  if (!shim.welcome()) return 1;
  const int gate = shim.page().hot.gate.load();
  const std::string deed = argc > 4 ? argv[4] : "";
  if (deed == "close") {
    if (gate < 0) return 3;
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    wire::GatePage& page = *shim.gate(static_cast<size_t>(gate));
    page.closed_since_ns =
        static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
    page.burst.fetch_add(1);
    page.word = wire::kClosed;
  }
  if (deed == "fork" && fork() == 0) {
    while (true) pause();
  }
  fmt::print("session {} gate {}\n", shim.reply().session, gate);
  std::fflush(stdout);
  while (true) pause();
}
