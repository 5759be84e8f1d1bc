// Speed of the simulated node; not a test. Run it by hand in a release build on an idle machine:
//   build/tests/speed_simgpu_node launches CLIENTS SECONDS   launches/s over all client processes
//   build/tests/speed_simgpu_node lateness SECONDS           how late a waiting client sees the end
//                                                            of an operation, in microseconds
// It starts a node of its own.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "core/clock.h"
#include "core/files.h"
#include "core/process.h"
#include "simgpu/client/connection.h"
#include "tests/simgpu_node/client/driver.h"
#include "tests/simgpu_node/number.h"

namespace corun::simgpu::testing {
namespace {

struct Launches {
  int64_t count = 0;
  double seconds = 0;
};

/// One client: launches without waiting, 256 between two synchronisations.
Launches launch_for(double seconds) {
  Fixture gpu;
  if (gpu.code != cu::Code::kSuccess) return {};
  const Instant start = monotonic_now();
  const Instant end = start + from_seconds(seconds);
  Launches done;
  while (monotonic_now() < end) {
    for (int i = 0; i < 256; ++i) gpu.launch_burn(1, 1);
    if (gpu.driver.cuStreamSynchronize(gpu.stream) != cu::Code::kSuccess) break;
    done.count += 256;
  }
  done.seconds = to_seconds(monotonic_now() - start);
  return done;
}

int launches(int clients, double seconds) {
  std::vector<Fd> results;
  std::vector<pid_t> children;
  for (int i = 0; i < clients; ++i) {
    int ends[2];
    if (pipe(ends) != 0) return 1;
    children.push_back(fork());
    if (children.back() == 0) {
      const Launches done = launch_for(seconds);
      const ssize_t written = write(ends[1], &done, sizeof done);
      _exit(written == sizeof done ? 0 : 1);
    }
    close(ends[1]);
    results.emplace_back(ends[0]);
  }
  double rate = 0;
  for (const Fd& result : results) {
    Launches done;
    if (read(result.get(), &done, sizeof done) != sizeof done || done.seconds == 0) return 1;
    rate += static_cast<double>(done.count) / done.seconds;
  }
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  fmt::print("launches_per_s {:.0f} clients {}\n", rate, clients);
  return 0;
}

uint32_t made_id(Connection& server, wire::Type type, auto message) {
  const auto answer = server.call(type, message);
  return answer && answer->code == wire::Code::kOk ? answer->count : 0;
}

/// Waits for one completion and returns how late it was seen.
double lateness_us(wire::Ring& ring, uint32_t& tail) {
  while (ring.head.load(std::memory_order_acquire) == tail) wait_for_head(ring, tail, 1000);
  const Instant seen = monotonic_now();
  const wire::Completion record = ring.records[tail % wire::kRingRecords];
  ring.tail.store(++tail, std::memory_order_release);
  return to_micros(seen - Instant{record.at_ns});
}

int lateness(const std::string& node, double seconds) {
  wire::Hello hello;
  hello.role = wire::Role::kCuda;
  auto server = Connection::open(node, hello);
  if (!server) return 1;
  wire::StreamCreate stream;
  stream.context = made_id(*server, wire::Type::kContextCreate, wire::IdCall());
  const uint32_t stream_id = made_id(*server, wire::Type::kStreamCreate, stream);
  std::vector<double> late;
  uint32_t tail = 0;
  const Instant end = monotonic_now() + from_seconds(seconds);
  for (uint64_t op = 1; monotonic_now() < end; ++op) {
    wire::Submit submit;
    submit.op_id = op;
    submit.stream = stream_id;
    submit.op.kind = wire::OpKind::kCopyHostToDevice;
    submit.op.bytes = 1000 + op * 7919 % 50'000'000;  // from microseconds to a millisecond
    server->post(wire::Type::kSubmit, submit);
    late.push_back(lateness_us(*server->ring(), tail));
  }
  std::sort(late.begin(), late.end());
  const auto quantile = [&](double q) {
    return late[std::min(late.size() - 1,
                         static_cast<size_t>(q * static_cast<double>(late.size())))];
  };
  fmt::print("lateness_us p50 {:.1f} p90 {:.1f} p99 {:.1f} p999 {:.1f} n {}\n", quantile(0.5),
             quantile(0.9), quantile(0.99), quantile(0.999), late.size());
  return 0;
}

int run(const std::string& verb, int argc, char** argv) {
  auto folder = TemporaryFolder::create("corun-speed-node-");
  if (!folder) return 1;
  int ends[2];
  if (pipe(ends) != 0) return 1;
  ProcessOptions options;
  options.argv = {std::string(CORUN_BINARY_DIR) + "/simgpu/corun-simgpud",
                  "--node",
                  folder->path().string(),
                  "--costs",
                  std::string(CORUN_SOURCE_DIR) + "/tests/simgpu_node/client",
                  "--ready-fd",
                  std::to_string(ends[1])};
  options.inherit_fds = {ends[1]};
  auto server = Process::start(options);
  char c = 0;
  if (!server || read(ends[0], &c, 1) != 1) return 1;
  setenv("CORUN_SIM_NODE", folder->path().c_str(), 1);
  if (verb == "lateness")
    return lateness(folder->path().string(), argc > 2 ? number_in(argv[2]) : 5);
  return launches(argc > 2 ? number_in(argv[2]) : 4, argc > 3 ? number_in(argv[3]) : 5);
}

}  // namespace
}  // namespace corun::simgpu::testing

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb != "launches" && verb != "lateness") {
    fmt::print(stderr, "usage: speed_simgpu_node launches CLIENTS SECONDS | lateness SECONDS\n");
    return 2;
  }
  return corun::simgpu::testing::run(verb, argc, argv);
}
