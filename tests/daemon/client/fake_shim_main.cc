// fake_shim SOCKET NAME CLASS [close|fork]: joins, closes its gate or forks a child that lives on,
// prints "session ID gate N", and lives until somebody kills it.
// fake_shim SOCKET NAME CLASS vanish: asks to join and ends; a child of it keeps the connection
// until the other end closes it.
#include <fmt/core.h>

#include <cstdio>
#include <ctime>

#include "tests/daemon/fake_shim.h"

namespace {

int vanish(const char* socket, const corun::wire::JoinRequest& request) {
  const auto fd = corun::client::connect_unix(socket, SOCK_SEQPACKET);
  if (!fd || send(fd->get(), &request, sizeof request, MSG_NOSIGNAL) < 0) return 1;
  if (fork() != 0) return 0;
  char bytes[sizeof(corun::wire::JoinReply)];
  while (recv(fd->get(), bytes, sizeof bytes, 0) > 0) continue;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace corun;
  if (argc < 4) return 2;
  const bool critical = std::string(argv[3]) == "latency-critical";
  const wire::JoinRequest request = testing::join_request(
      argv[2], critical ? wire::WorkloadClass::kLatencyCritical : wire::WorkloadClass::kBestEffort);
  const std::string deed = argc > 4 ? argv[4] : "";
  if (deed == "vanish") return vanish(argv[1], request);
  auto shim = testing::FakeShim::join(argv[1], request);
  if (!shim.welcome()) return 1;
  const int gate = shim.page().hot.gate.load();
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
