#include "cli/status_text.h"

#include <gtest/gtest.h>

#include "golden.h"

namespace corun::cli {
namespace {

using client::Label;

client::WorkloadStatus server() {
  client::WorkloadStatus w;
  w.name = "serve";
  w.user = 1000;
  w.service_class = ServiceClass::kLatencyCritical;
  w.latency_target_us = 5000;
  w.memory_limit_bytes = uint64_t{20} << 30;
  w.state = "running";
  client::SessionStatus session;
  session.session = 1;
  session.pid = 4711;
  session.program = "python3";
  session.slice_us = 1000000;
  session.gate = 0;
  w.sessions = {session};
  w.figures = {{"gpu_utilization", 0.164, Label::kMeasured},
               {"gpu_seconds", 51.27, Label::kEstimated},
               {"memory_bytes", 1.3e9, Label::kMeasured},
               {"burst_p99_us", 2145, Label::kMeasured}};
  w.reasons = {{"slice 1000000 us", "slice 1000000 us: latency-critical, keeps the GPU"},
               {"gate 0", "the first free one"}};
  return w;
}

client::WorkloadStatus trainer() {
  client::WorkloadStatus w;
  w.name = "train";
  w.user = 1001;
  w.service_class = ServiceClass::kBestEffort;
  w.weight = 2.5;
  w.state = "running";
  client::SessionStatus session;
  session.session = 2;
  session.pid = 4800;
  session.program = "train";
  session.slice_us = 1;
  session.armed = {0};
  session.flags = {"no-wait-value"};
  w.sessions = {session};
  w.figures = {{"gpu_utilization", std::nullopt, Label::kMeasured},
               {"gpu_seconds", 240, Label::kEstimated},
               {"memory_bytes", 5e10, Label::kMeasured}};
  return w;
}

client::DaemonStatus daemon() {
  client::DaemonStatus status;
  status.gpu = {"GPU-1", 0, "NVIDIA H100 80GB HBM3", "580.159.04", false, uint64_t{80} << 30};
  status.pid = 4242;
  status.user = 1000;
  status.version = "0.1.0";
  status.uptime_s = 312;
  status.backend = "slices";
  status.slices = client::SlicesState::kProven;
  status.slices_why = "3:1 gave 74.6 %";
  status.watchdog = true;
  status.settings.policy = "priority";
  status.settings.linger_us = 50;
  status.settings.quantum_ms = 40;
  return status;
}

client::DaemonStatus measuring_daemon() {
  client::DaemonStatus status = daemon();
  status.gpu_time = Label::kMeasured;
  status.gpu_time_why = "the driver's record of context switches";
  status.figures = {{"wall_seconds", 300, Label::kMeasured},
                    {"gpu_seconds", 291.3, Label::kMeasured},
                    {"switching_seconds", 2.7, Label::kMeasured},
                    {"idle_seconds", 6, Label::kMeasured},
                    {"accounting_error", 0.0004, Label::kMeasured}};
  return status;
}

TEST(StatusText, TwoWorkloadsReadLikeThis) {
  client::DaemonStatus status = measuring_daemon();
  status.workloads = {server(), trainer()};
  expect_golden("status", status_text(status, {}));
  expect_golden("status-why", status_text(status, {.why = true}));
}

containers::Container box(char digit, std::string runtime) {
  containers::Container container;
  container.id = std::string(64, digit);
  container.short_id = std::string(12, digit);
  container.runtime = std::move(runtime);
  return container;
}

TEST(StatusText, WorkloadsInContainersAreInATableOfTheirOwn) {
  client::DaemonStatus status = measuring_daemon();
  status.workloads = {server(), trainer()};
  client::SessionStatus second = status.workloads[1].sessions[0];
  second.pid = 4801;
  client::SessionStatus on_host = second;
  on_host.pid = 4802;
  status.workloads[1].sessions.push_back(second);
  status.workloads[1].sessions.push_back(on_host);
  SessionContainers all{
      {4711, box('a', "podman")}, {4800, box('b', "containerd")}, {4801, box('b', "containerd")}};
  all[4711].name = "box-a";
  for (const int pid : {4800, 4801}) {
    all[pid].name = "trainer";
    all[pid].pod = containers::Pod{"1c2d3e4f", "train-0", "ml"};
  }
  expect_golden("status-containers", status_text(status, {.containers = all}));
  all[4711].name = std::nullopt;  // no engine told
  all[4801] = box('c', "cri-o");
  all[4801].pod = containers::Pod{"1c2d3e4f-5a6b-7c8d-9e0f-112233445566", {}, {}};
  expect_golden("status-containers-unnamed", status_text(status, {.containers = all}));
}

TEST(StatusText, ASilentSessionIsToldWithoutBeingAskedFor) {
  client::DaemonStatus status = daemon();
  status.workloads = {server(), trainer()};
  status.workloads[1].sessions[0].flags = {"silent"};
  EXPECT_NE(status_text(status, {}).find("1001/train: PID 4800 (train) has been silent"),
            std::string::npos);
}

TEST(StatusText, ADaemonWithoutWorkloadsSaysHowToStartOne) {
  client::DaemonStatus status = daemon();
  status.gpu.simulated = true;
  status.slices = client::SlicesState::kUnproven;
  status.slices_why = "";
  status.gpu_time_why = "cannot open /dev/nvidiactl: No such file or directory";
  status.watchdog = false;
  status.gates = {{0, std::nullopt, "1000/serve", false, 0, 3}};
  expect_golden("status-empty", status_text(status, {}));
}

TEST(StatusText, MeasuredTimeThatDoesNotAddUpIsAWarning) {
  client::DaemonStatus status = measuring_daemon();
  const auto warns = [&status](double error) {
    status.figures.back().value = error;
    return status_text(status, {}).find("add up to") != std::string::npos;
  };
  EXPECT_FALSE(warns(0.02));
  EXPECT_TRUE(warns(0.021));
  EXPECT_TRUE(warns(-0.021));
  EXPECT_NE(status_text(status, {}).find("97.9 % of the wall time"), std::string::npos);
  status.figures.back().label = Label::kEstimated;
  EXPECT_FALSE(warns(-0.5)) << "estimates need not add up";
}

TEST(StatusText, NoLineIsLongerThanAHundredColumns) {
  client::DaemonStatus status = daemon();
  status.workloads = {server(), trainer()};
  status.workloads[0].name = std::string(63, 'x');
  containers::Container long_names = box('a', "containerd");
  long_names.name = std::string(80, 'n');
  long_names.pod = containers::Pod{"u", std::string(80, 'p'), std::string(80, 's')};
  size_t width = 0;
  for (const char c : status_text(status, {.why = true, .containers = {{4711, long_names}}})) {
    width = c == '\n' ? 0 : width + 1;
    ASSERT_LE(width, 100U);
  }
}

TEST(TraceText, DecisionsHaveTheirAgeAndTheirReason) {
  const std::vector<client::TraceEntry> entries{
      {1, 1'000'000'000, 7, "serve", "slice 1000000 us",
       "latency-critical, beside 1 that can wait"},
      {2, 3'500'000'000, 7, "serve", "gate 0", "the first free one"}};
  expect_golden("trace", trace_text(entries, Instant{4'000'000'000}));
}

TEST(TraceText, SlicesSayWhoHadTheGpuAndHowThatIsKnown) {
  using std::chrono::milliseconds;
  const auto entry = [](int64_t begin_ms, int64_t end_ms, const char* workload, int pid,
                        const char* what, double seconds, Label label) {
    return client::SliceEntry{0,
                              Nanos(milliseconds(begin_ms)).count(),
                              Nanos(milliseconds(end_ms)).count(),
                              workload,
                              pid,
                              what,
                              seconds,
                              label};
  };
  const std::vector<client::SliceEntry> entries{
      entry(1000, 1002, "1000/serve", 71, "run", 0.002, Label::kMeasured),
      entry(1002, 1003, "1001/train", 72, "run", 0.001, Label::kMeasured),
      entry(1003, 1004, "", 99, "run", 0.001, Label::kMeasured),
      entry(1004, 1005, "", 0, "run", 0.001, Label::kMeasured),
      entry(1100, 1200, "1000/serve", 71, "gate", 0.04, Label::kMeasured),
      entry(1200, 1230, "1000/serve", 71, "turn", 0.03, Label::kGranted),
      entry(1300, 1400, "1000/serve", 0, "share", 0.06, Label::kEstimated)};
  expect_golden("trace-slices", slices_text(entries, 1000, Instant{4'000'000'000}));
}

}  // namespace
}  // namespace corun::cli
