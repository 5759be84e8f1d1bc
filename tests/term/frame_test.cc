#include "monitoring/term/frame.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/environment.h"
#include "core/files.h"
#include "sample.h"

namespace corun::monitoring {

namespace {

std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) text += line.text() + "\n";
  return text;
}

/// Compares with tests/term/golden/NAME.txt; UPDATE=1 in the environment rewrites it.
void expect_frame(const std::string& name, const std::string& text) {
  const auto path = std::filesystem::path(CORUN_SOURCE_DIR) / "tests/term/golden" / (name + ".txt");
  if (environment("UPDATE") == "1") {
    ASSERT_TRUE(write_file_atomically(path, text));
    return;
  }
  const auto golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().text() << " (UPDATE=1 writes it)";
  EXPECT_EQ(text, *golden) << "golden file: " << path;
}

ViewState sample_view() {
  ViewState view;
  view.clock = "12:34:56";
  return view;
}

std::string frame(const ViewState& view, Size size) {
  const auto lines = screen(sample_snapshot(), sample_tape(), view, size);
  EXPECT_EQ(lines.size(), size.rows);
  for (const Line& line : lines) EXPECT_LE(line.width(), size.columns) << line.text();
  return text_of(lines);
}

TEST(Frame, EightyByTwentyFour) { expect_frame("80x24", frame(sample_view(), {80, 24})); }

TEST(Frame, OneHundredTwentyByForty) { expect_frame("120x40", frame(sample_view(), {120, 40})); }

TEST(Frame, FlatWithAChosenProcessAndAQuestion) {
  ViewState view = sample_view();
  view.tree = false;
  view.sort = SortKey::kPid;
  view.chosen = 50112;
  view.question = Question{50112, "python3", 0};
  expect_frame("flat-question", frame(view, {100, 24}));
}

TEST(Frame, Help) {
  ViewState view = sample_view();
  view.help = true;
  expect_frame("help", frame(view, {80, 24}));
}

TEST(Frame, Listing) {
  expect_frame("listing", text_of(listing(sample_snapshot(), sample_tape(), sample_view(), 100)));
}

TEST(Frame, ANodeWithoutGpusOrWorkloadsSaysSo) {
  Snapshot snapshot;
  snapshot.at = 1;
  snapshot.node.collector.errors = {"NVML: driver not loaded"};
  const std::string text = text_of(screen(snapshot, SliceTape(5), ViewState{}, {80, 24}));
  EXPECT_NE(text.find("No GPU is seen"), std::string::npos);
  EXPECT_NE(text.find("! NVML: driver not loaded"), std::string::npos);
  EXPECT_EQ(text.find("WORKLOAD"), std::string::npos);
}

TEST(Frame, EverySizeIsFilledExactlyAndNeverOverrun) {
  for (const size_t columns : {1UL, 20UL, 40UL, 79UL, 80UL, 131UL, 300UL}) {
    for (const size_t rows : {1UL, 2UL, 5UL, 10UL, 24UL, 60UL}) {
      for (const bool help : {false, true}) {
        ViewState view = sample_view();
        view.help = help;
        frame(view, {columns, rows});
      }
    }
  }
}

TEST(Frame, ManyGpusTakeALineEach) {
  Snapshot snapshot = sample_snapshot();
  while (snapshot.gpus.size() < 8) snapshot.gpus.push_back(snapshot.gpus[1]);
  const std::string text = text_of(screen(snapshot, sample_tape(), sample_view(), {80, 24}));
  EXPECT_EQ(text.find("MEM ▕"), std::string::npos);
  EXPECT_NE(text.find("WORKLOAD"), std::string::npos);
  EXPECT_NE(text.find("COMMAND"), std::string::npos);
}

TEST(Frame, TheChosenProcessIsInSight) {
  Snapshot snapshot = sample_snapshot();
  for (int pid = 1; pid < 200; ++pid) {
    Process process = snapshot.gpus[0].processes[3];
    process.pid = pid;
    snapshot.gpus[0].processes.push_back(process);
  }
  ViewState view = sample_view();
  view.chosen = 150;
  const std::string text = text_of(screen(snapshot, sample_tape(), view, {80, 24}));
  EXPECT_NE(text.find("150 erin"), std::string::npos) << text;
  EXPECT_NE(text.find("\n>"), std::string::npos) << text;
}

TEST(Frame, TextOfOthersCannotSteerTheTerminal) {
  Snapshot snapshot = sample_snapshot();
  snapshot.gpus[0].processes[0].command = "evil \x1b[2J\x07\xc2\x9b \xff name";
  for (const Line& line : screen(snapshot, sample_tape(), sample_view(), {120, 40})) {
    const std::string text = line.text();
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\x07'), std::string::npos);
    EXPECT_EQ(text.find("\xc2\x9b"), std::string::npos);
    EXPECT_EQ(text.find('\xff'), std::string::npos);
  }
}

}  // namespace

}  // namespace corun::monitoring
