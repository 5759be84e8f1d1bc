#include "benchmarking/run.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <sstream>

#include "benchmarking/results_folder.h"
#include "fake_site.h"

namespace corun::benchmarking {
namespace {

// A whole benchmark on the fake site.
class Run : public testing::Test {
 protected:
  Run() {
    options_.modes = {"exclusive", "together"};
    options_.turn_modes = {"exclusive"};
    options_.reps = 1;
    options_.quick = true;  // a busy machine's timing is not what is tested here
    options_.windows = fake_.site.windows;
    Mix mix{.name = "pair", .description = "", .tenants = {}};
    mix.tenants = {fake_tenant("a", "good", 100), fake_tenant("b", "open", 200)};
    options_.mixes = {mix};
  }

  Result<RunSummary> run(const RunOptions& options, bool resume = false) {
    auto writer = ResultsWriter::open(folder(), resume);
    if (!writer) return writer.error();
    std::ostringstream text;
    Progress progress(text, false, clock_, options.cells.size(),
                      expected_time(options.matrix, options.cells));
    std::map<std::string, modes::Mode*> modes{{"exclusive", &fake_.turns},
                                              {"together", &fake_.together}};
    auto summary = run_cells(options, fake_.site, modes, *writer, progress);
    printed_ = text.str();
    return summary;
  }

  RunOptions options() {
    RunOptions options;
    options.matrix = make_matrix(options_);
    options.cells = options.matrix.cells;
    options.limits = VoidLimits::quick();
    options.run = "run";
    options.idle_sample = Nanos(0);
    return options;
  }

  std::filesystem::path folder() const { return fake_.folder() / "out"; }

  FakeSite fake_;
  MonotonicClock clock_;
  MatrixOptions options_;
  std::string printed_;
};

const CellRecord* find_cell(const Results& results, const std::string& id) {
  for (const CellRecord& cell : results.cells) {
    if (cell.cell == id) return &cell;
  }
  return nullptr;
}

TEST_F(Run, AllCellsAreWrittenWithProgressAgainstBothBrackets) {
  auto summary = run(options());
  ASSERT_TRUE(summary) << summary.error().text();
  EXPECT_EQ(summary->cells, 6U);
  EXPECT_EQ(summary->void_cells, 0U) << printed_;
  EXPECT_EQ(fake_.site.largest_mix, 2) << "solo runs have the processors of the mix's tenants";
  auto results = load_results(folder());
  ASSERT_TRUE(results) << results.error().text();
  ASSERT_EQ(results->cells.size(), 6U);
  ASSERT_EQ(results->rows.size(), 8U);
  const CellRecord* together = find_cell(*results, "b0.together.pair");
  ASSERT_NE(together, nullptr);
  EXPECT_NEAR(*together->stp, 1.0, 1e-6);  // of the one closed loop
  EXPECT_NEAR(*together->bracket_drift, 0.0, 1e-6);
  const CellRecord* turns = find_cell(*results, "b0.exclusive.pair");
  ASSERT_NE(turns, nullptr);
  EXPECT_NEAR(*turns->stp, 0.5, 1e-6);
  EXPECT_NEAR(*turns->jain, 1.0, 1e-6);
  auto samples = read_samples(samples_path(folder(), "b0.together.pair", "b"));
  ASSERT_TRUE(samples);
  EXPECT_EQ(samples->scheduled_us.size(), 40U);
  EXPECT_EQ(fake_.together.in_force, 0);
  EXPECT_EQ(fake_.turns.in_force, 0);
}

TEST_F(Run, AVoidSoloRunVoidsTheBlocksBesideIt) {
  options_.mixes[0].tenants[0].workload.command[1] = "wrong-checksum";
  auto summary = run(options());
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->void_cells, 4U);
  auto results = load_results(folder());
  ASSERT_TRUE(results);
  const CellRecord* cell = find_cell(*results, "b0.together.pair");
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(cell->reason,
            "a: its results have a wrong checksum; a: a solo run beside this block is void");
}

TEST_F(Run, AnInterruptKeepsCompletedCellsAndARunGoesOnFromThere) {
  InterruptGuard guard;
  fake_.site.interrupt = &guard;
  int ticks = 0;
  // Ctrl-C some way into the run.
  fake_.site.tick = [&] {
    if (fake_.turns.applied == 3 && ++ticks == 2) raise(SIGINT);
  };
  RunOptions first = options();
  auto summary = run(first);
  ASSERT_TRUE(summary);
  EXPECT_TRUE(summary->interrupted);
  auto results = load_results(folder());
  ASSERT_TRUE(results);
  size_t kept = results->cells.size();
  EXPECT_EQ(kept, summary->cells);
  EXPECT_GT(kept, 0U);
  EXPECT_LT(kept, 6U);
  EXPECT_EQ(fake_.turns.in_force, 0);

  fake_.site.interrupt = nullptr;
  fake_.site.tick = {};
  RunOptions rest = options();
  for (const CellRecord& cell : results->cells) rest.taken_ids.insert(cell.cell);
  rest.cells = remaining_cells(rest.matrix, {});
  ASSERT_TRUE(run(rest, true));
  auto all = load_results(folder());
  ASSERT_TRUE(all);
  EXPECT_EQ(all->cells.size(), kept + 6U);
  EXPECT_NE(find_cell(*all, "s0.a.2"), nullptr);  // the first one is kept beside it
}

TEST_F(Run, AFullDiskIsOneErrorAndCompletedCellsStay) {
  // A file size limit fails writes like a full disk does.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  RunOptions run_options = options();
  auto writer = ResultsWriter::open(folder(), false);
  ASSERT_TRUE(writer);
  rlimit tiny{.rlim_cur = 1500, .rlim_max = old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tiny);
  std::ostringstream text;
  Progress progress(text, false, clock_, 6, Nanos(0));
  std::map<std::string, modes::Mode*> modes{{"exclusive", &fake_.turns},
                                            {"together", &fake_.together}};
  auto summary = run_cells(run_options, fake_.site, modes, *writer, progress);
  setrlimit(RLIMIT_FSIZE, &old);
  ASSERT_FALSE(summary);
  EXPECT_NE(summary.error().text().find("completed cells are kept"), std::string::npos);
  auto results = load_results(folder());
  ASSERT_TRUE(results) << results.error().text();
  EXPECT_EQ(fake_.turns.in_force, 0);
}

TEST_F(Run, ASecondRunIntoTheSameFolderIsRefused) {
  ASSERT_TRUE(run(options()));
  auto again = run(options());
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().text().find("holds a run already"), std::string::npos);
}

TEST(TenantSeed, DependsOnWorkloadAndInstanceAlone) {
  EXPECT_EQ(tenant_seed(1, "a", 0), tenant_seed(1, "a", 0));
  EXPECT_NE(tenant_seed(1, "a", 0), tenant_seed(1, "a", 1));
  EXPECT_NE(tenant_seed(1, "a", 0), tenant_seed(1, "b", 0));
  EXPECT_NE(tenant_seed(1, "a", 0), tenant_seed(2, "a", 0));
}

}  // namespace
}  // namespace corun::benchmarking
