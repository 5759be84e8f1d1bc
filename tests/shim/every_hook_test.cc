// Each hooked function, called as a program calls it: the driver's own is called once, its answer
// comes back, and work is counted as what it is.
#include <gtest/gtest.h>

#include <charconv>

#include "tests/shim/fake_daemon.h"
#include "tests/shim/workload.h"

// The names of the table alone.
#include "engine/shim/preload/hook_table.h"

namespace corun::shim {
namespace {

using testing::FakeDaemon;
using testing::Workload;

enum class Counted { kNothing, kKernel, kGraph, kCopy };

struct Row {
  std::string symbol;
  Counted counted;
};

std::vector<Row> rows() {
  std::vector<Row> all = {
#define CORUN_ROW(symbol, ...) {#symbol, Counted::kNothing},
      CORUN_CONTEXT_HOOKS(CORUN_ROW) CORUN_SYNC_HOOKS(CORUN_ROW) CORUN_GRAPH_HOOKS(CORUN_ROW)
          CORUN_MEMORY_HOOKS(CORUN_ROW)
#undef CORUN_ROW
#define CORUN_ROW(symbol, ...) {#symbol, Counted::kKernel},
              CORUN_LAUNCH_HOOKS(CORUN_ROW)
#undef CORUN_ROW
#define CORUN_ROW(symbol, ...) {#symbol, Counted::kCopy},
                  CORUN_ASYNC_COPY_HOOKS(CORUN_ROW) CORUN_SYNC_COPY_HOOKS(CORUN_ROW)
#undef CORUN_ROW
  };
  // Two that answer for others, and one that refuses a size beyond all memory.
  std::erase_if(all, [](const Row& row) {
    return row.symbol.starts_with("cuGetProcAddress") || row.symbol == "cuMemAllocPitch_v2";
  });
  for (Row& row : all) {
    if (row.symbol.starts_with("cuGraphLaunch")) row.counted = Counted::kGraph;
  }
  return all;
}

void PrintTo(const Row& row, std::ostream* out) { *out << row.symbol; }

/// One process for all rows: they do not hinder each other.
class EveryHook : public ::testing::TestWithParam<Row> {
 protected:
  static void SetUpTestSuite() {
    daemon = new FakeDaemon();
    workload = new Workload({.environment = {{"CORUN_RUN_DIR", daemon->run_dir()}}});
    ASSERT_EQ(workload->ask("start"), "0");
  }
  static void TearDownTestSuite() {
    delete workload;
    delete daemon;
  }
  static uint64_t calls(const std::string& symbol) {
    const std::string text = workload->ask("calls " + symbol);
    uint64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
  }
  static FakeDaemon* daemon;
  static Workload* workload;
};

FakeDaemon* EveryHook::daemon = nullptr;
Workload* EveryHook::workload = nullptr;

TEST_P(EveryHook, CallsTheDriverOnceAndCountsTheWork) {
  const wire::Counters& counters = daemon->session(0)->counters;
  const uint64_t calls_before = calls(GetParam().symbol);
  const uint64_t kernels = counters.launches;
  const uint64_t graphs = counters.graph_launches;
  const uint64_t copies = counters.copies;
  EXPECT_EQ(workload->ask("call " + GetParam().symbol), "0");
  EXPECT_EQ(calls(GetParam().symbol), calls_before + 1);
  // One call starts a kernel on each of several devices: here on as many as are followed.
  const uint64_t many = GetParam().symbol == "cuLaunchCooperativeKernelMultiDevice" ? 16 : 1;
  EXPECT_EQ(counters.launches - kernels, GetParam().counted == Counted::kKernel ? many : 0U);
  EXPECT_EQ(counters.graph_launches - graphs, GetParam().counted == Counted::kGraph ? 1U : 0U);
  EXPECT_EQ(counters.copies - copies, GetParam().counted == Counted::kCopy ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(Table, EveryHook, ::testing::ValuesIn(rows()),
                         [](const auto& test) { return test.param.symbol; });

}  // namespace
}  // namespace corun::shim
