#include "benchmarking/report/report.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "benchmarking/compare.h"
#include "benchmarking/report/html.h"
#include "benchmarking/report/scale.h"
#include "benchmarking/report/svg.h"
#include "core/environment.h"
#include "core/files.h"
#include "sample_run.h"

namespace corun::benchmarking {
namespace {

namespace fs = std::filesystem;

class Report : public testing::Test {
 protected:
  Report() : folder_(TemporaryFolder::create("corun-report-").value()) {}

  fs::path make_run(const SampleOptions& options) {
    const fs::path run = folder_.path() / options.run;
    fs::create_directories(run);
    const Status written = write_sample_run(options, run);
    EXPECT_TRUE(written) << written.error().text();
    return run;
  }
  ReportFiles report_of(const std::vector<fs::path>& runs) {
    auto files = write_report(runs, runs.front());
    EXPECT_TRUE(files) << files.error().text();
    return files ? *files : ReportFiles{};
  }
  static bool has_plot(const ReportFiles& files, const std::string& name) {
    return std::any_of(files.plots.begin(), files.plots.end(),
                       [&](const fs::path& path) { return path.filename() == name + ".svg"; });
  }

  TemporaryFolder folder_;
};

SampleOptions small() {
  SampleOptions options;
  options.repetitions = 2;
  return options;
}

TEST_F(Report, EveryPlotIsInThePageAndAFile) {
  SampleOptions options = small();
  options.sizes = {1, 2};
  const ReportFiles files = report_of({make_run(options)});
  const std::string html = read_file(files.html).value();
  for (const char* name :
       {"throughput", "latency-cycle-2-infer", "inflation", "frontier", "scaling", "timeline"}) {
    EXPECT_TRUE(has_plot(files, name)) << name;
    EXPECT_NE(html.find(std::string("id=\"") + name + "-title\""), std::string::npos) << name;
  }
}

TEST_F(Report, AllThatIsNamedIsThereAndNothingIsLoaded) {
  const ReportFiles files = report_of({make_run(small())});
  const std::string html = read_file(files.html).value();
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos);
  EXPECT_EQ(html.find("url("), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  for (const char* text : {"SIMULATED", "NVIDIA H100 80GB HBM3", "time-slicing", "infer-1",
                           "corun bench --mode all --workloads 2", "No cell was void", "gpu.cuda",
                           "MIG mode is disabled", "infer-1 p99 2.", "Against solo"}) {
    EXPECT_NE(html.find(text), std::string::npos) << text;
  }
}

TEST_F(Report, AMeasuredRunIsNotCalledSimulated) {
  SampleRun run = sample_run(small());
  for (ResultRow& row : run.results.rows) row.simulated = false;
  for (CellRecord& cell : run.results.cells) cell.simulated = false;
  const fs::path rows = folder_.path() / kRowsFile;
  for (const auto& row : run.results.rows) ASSERT_TRUE(append_line(rows, to_line(to_json(row))));
  const std::string html = read_file(report_of({folder_.path()}).html).value();
  EXPECT_EQ(html.find("SIMULATED"), std::string::npos);
}

TEST_F(Report, VoidCellsStandWithTheirReason) {
  SampleOptions options = small();
  options.with_void_cell = true;
  const std::string html = read_file(report_of({make_run(options)}).html).value();
  EXPECT_NE(html.find("a foreign process (PID 4711)"), std::string::npos);
  EXPECT_NE(html.find("1 of 2"), std::string::npos);
}

TEST_F(Report, RowsAloneMakeAReportWithoutTheirMissingPlots) {
  const SampleRun run = sample_run(small());
  const fs::path rows = folder_.path() / kRowsFile;
  for (const auto& row : run.results.rows) ASSERT_TRUE(append_line(rows, to_line(to_json(row))));
  const ReportFiles files = report_of({folder_.path()});
  EXPECT_TRUE(has_plot(files, "inflation"));
  EXPECT_FALSE(has_plot(files, "timeline"));
  EXPECT_FALSE(has_plot(files, "latency-cycle-2-infer"));
}

TEST_F(Report, NamesCannotBreakThePage) {
  SampleRun run = sample_run(small());
  for (ResultRow& row : run.results.rows) {
    row.run = "<script>alert(1)</script>";
    row.reason = "\"&<b>";
  }
  const fs::path rows = folder_.path() / kRowsFile;
  for (const auto& row : run.results.rows) ASSERT_TRUE(append_line(rows, to_line(to_json(row))));
  const std::string html = read_file(report_of({folder_.path()}).html).value();
  EXPECT_EQ(html.find("<script>"), std::string::npos);
  EXPECT_NE(html.find("&lt;script&gt;"), std::string::npos);
}

TEST_F(Report, FiguresAtTheEdgeMakeAPageToo) {
  SampleRun run = sample_run(small());
  int i = 0;
  for (ResultRow& row : run.results.rows) {
    ++i;
    if (row.latency_ms && i % 2 == 0) row.latency_ms->p99 = Estimate{0, 0, 0};
    if (row.progress && i % 3 == 0) row.progress = Estimate{0, {}, {}};
    if (i % 4 == 0) row.n = 0;
    if (i % 5 == 0) row.throughput = 0;
  }
  for (CellRecord& cell : run.results.cells) {
    cell.n = ++i % 2;
    cell.stp = 0;
    cell.tax = -1e6;
    cell.window_end_ns = cell.window_begin_ns;
  }
  for (const auto& row : run.results.rows) {
    ASSERT_TRUE(append_line(folder_.path() / kRowsFile, to_line(to_json(row))));
  }
  for (const auto& cell : run.results.cells) {
    ASSERT_TRUE(append_line(folder_.path() / kCellsFile, to_line(to_json(cell))));
  }
  const RequestSamples one{{0}, {0}, {0}};
  ASSERT_TRUE(write_samples(samples_path(folder_.path(), "mps-cycle-2-0", "infer-1"), one));
  const std::string html = read_file(report_of({folder_.path()}).html).value();
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find("inf["), std::string::npos);
  EXPECT_EQ(html.find("\"inf\""), std::string::npos);
}

TEST_F(Report, ARunWithoutAnyValidCellMakesAPageThatSaysWhy) {
  SampleRun run = sample_run(small());
  for (const auto& row : run.results.rows) {
    ASSERT_TRUE(append_line(folder_.path() / kRowsFile, to_line(to_json(row))));
  }
  for (CellRecord& cell : run.results.cells) {
    cell.valid = false;
    cell.reason = "stopped by Ctrl-C";
    ASSERT_TRUE(append_line(folder_.path() / kCellsFile, to_line(to_json(cell))));
  }
  const std::string html = read_file(report_of({folder_.path()}).html).value();
  EXPECT_NE(html.find("stopped by Ctrl-C"), std::string::npos);
  EXPECT_NE(html.find("0 of 2"), std::string::npos);
  EXPECT_NE(html.find("no valid cell"), std::string::npos);
}

TEST_F(Report, PlotFilesAreWholeSvgWithTheirOwnStyles) {
  const ReportFiles files = report_of({make_run(small())});
  for (const fs::path& path : files.plots) {
    const std::string svg = read_file(path).value();
    EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"")) << path;
    EXPECT_NE(svg.find("prefers-color-scheme:dark"), std::string::npos) << path;
    EXPECT_TRUE(svg.ends_with("</svg>\n")) << path;
    EXPECT_EQ(svg.find("nan"), std::string::npos) << path;
  }
}

TEST_F(Report, TwoRunsAreCompared) {
  SampleOptions base = small();
  base.repetitions = 5;
  SampleOptions slower = base;
  slower.run = "slower";
  slower.slowdown = 1.05;
  slower.seed = 2;
  const ReportFiles files = report_of({make_run(base), make_run(slower)});
  EXPECT_EQ(files.html.filename(), "comparison.html");
  const std::string html = read_file(files.html).value();
  EXPECT_NE(html.find("WORSE"), std::string::npos);
  EXPECT_NE(html.find("slower against sample"), std::string::npos);
}

TEST_F(Report, AMissingFolderIsAUsageError) {
  const std::vector<fs::path> runs{folder_.path() / "nowhere"};
  auto files = write_report(runs, folder_.path());
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().kind, ErrorKind::kUsage);
}

TEST(CompareRuns, ASlowdownIsFoundWhereItIsAndNowhereElse) {
  SampleOptions base;
  SampleOptions slower;
  slower.slowdown = 1.05;
  slower.seed = 2;
  const auto comparison = compare_runs(sample_run(base).results, sample_run(slower).results);
  int worse = 0;
  for (const ComparedFigure& f : comparison.figures) {
    if (f.metric != "throughput") continue;
    const bool slowed = f.mode == "time-slicing" || f.mode == "mps";
    EXPECT_EQ(f.verdict, slowed ? stats::Verdict::kWorse : stats::Verdict::kSame) << f.mode;
    worse += f.verdict == stats::Verdict::kWorse;
  }
  EXPECT_EQ(worse, 2);
}

TEST(CompareRuns, TheTableFitsAndNamesTheVerdicts) {
  SampleOptions base;
  SampleOptions again;
  again.seed = 2;
  again.run = "again";
  const std::string text =
      comparison_table(compare_runs(sample_run(base).results, sample_run(again).results), {});
  EXPECT_NE(text.find("again against sample"), std::string::npos);
  EXPECT_NE(text.find("SAME"), std::string::npos);
  EXPECT_NE(text.find("SIMULATED"), std::string::npos);
}

TEST(Scale, MapsTheDomainOntoPixels) {
  const Scale linear = Scale::linear(0, 10, 100, 200);
  EXPECT_DOUBLE_EQ(linear(5), 150);
  EXPECT_DOUBLE_EQ(linear(50), 200);
  const Scale log = Scale::logarithmic(1, 100, 0, 10);
  EXPECT_NEAR(log(10), 5, 1e-9);
}

TEST(Scale, TicksAreRoundFiguresInsideTheDomain) {
  const auto ticks = Scale::linear(0, 1, 0, 1).ticks(5);
  ASSERT_EQ(ticks.size(), 6u);
  EXPECT_NEAR(ticks[3], 0.6, 1e-12);
  EXPECT_EQ(Scale::logarithmic(0.5, 20, 0, 1).ticks(5),
            (std::vector<double>{0.5, 1, 2, 5, 10, 20}));
  EXPECT_EQ(tick_text(0.30000000000000004), "0.3");
}

TEST(Svg, TextIsEscaped) { EXPECT_EQ(escaped("a<b>&\"c\x01"), "a&lt;b&gt;&amp;&quot;c "); }

// Reports that a person or a browser can open: CORUN_SAMPLE_DIR names the folder.
TEST(SampleReport, IsWrittenWhereTheEnvironmentSays) {
  const auto where = environment("CORUN_SAMPLE_DIR");
  if (!where) GTEST_SKIP() << "CORUN_SAMPLE_DIR is not set";
  SampleOptions options;
  options.sizes = {1, 2, 4, 8};
  options.with_void_cell = true;
  const fs::path run = fs::path(*where) / "sample";
  fs::remove_all(run);
  fs::create_directories(run);
  ASSERT_TRUE(write_sample_run(options, run));
  std::vector<fs::path> runs{run};
  ASSERT_TRUE(write_report(runs, run));
  options.run = "slower";
  options.slowdown = 1.05;
  options.seed = 2;
  runs.push_back(fs::path(*where) / options.run);
  fs::remove_all(runs.back());
  fs::create_directories(runs.back());
  ASSERT_TRUE(write_sample_run(options, runs.back()));
  ASSERT_TRUE(write_report(runs, *where));
}

}  // namespace
}  // namespace corun::benchmarking
