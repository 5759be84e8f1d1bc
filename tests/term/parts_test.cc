#include <gtest/gtest.h>

#include "monitoring/term/frame.h"
#include "monitoring/term/keys.h"
#include "monitoring/term/line.h"
#include "monitoring/term/slice_tape.h"
#include "monitoring/term/view.h"
#include "sample.h"

namespace corun::monitoring {

namespace {

Key letter(const char* text) { return {Key::Kind::kText, text}; }
Key named(Key::Kind kind) { return {kind, ""}; }

TEST(TermLine, WidthsAreThoseOfATerminal) {
  EXPECT_EQ(columns_of("abc"), 3u);
  EXPECT_EQ(columns_of("größe"), 5u);
  EXPECT_EQ(columns_of("日本"), 4u);
  EXPECT_EQ(columns_of("e\xcc\x81"), 1u);
  EXPECT_EQ(shorten("abcdef", 4), "abc…");
  EXPECT_EQ(shorten("日本語", 4), "日…");
  EXPECT_EQ(shorten("abc", 3), "abc");
  EXPECT_EQ(shorten("abc", 0), "");
}

TEST(TermLine, CellsHaveTheirWidthWhateverIsInThem) {
  for (const char* text : {"", "a", "日本語日本語", "much too long for it"}) {
    EXPECT_EQ(Line().cell(text, 9).width(), 9u) << text;
    EXPECT_EQ(Line().right(text, 9).width(), 9u) << text;
  }
}

TEST(TermLine, WithoutColoursNoColourIsSent) {
  Line line;
  line.add("a", Ink::kGood).add("b", Ink::kBad).add("c", Ink::kDim).invert();
  const std::string plain = line.ansi(false);
  for (const char* code : {"\x1b[31", "\x1b[32", "\x1b[33", "\x1b[36", "\x1b[2m"}) {
    EXPECT_EQ(plain.find(code), std::string::npos);
  }
  EXPECT_NE(line.ansi(true).find("\x1b[32m"), std::string::npos);
}

TEST(TermKeys, SequencesAndText) {
  std::string bytes = "q\x1b[A\x1bOB\x1b[6~\r\x7f\x03ä";
  const std::vector<Key> keys = take_keys(bytes, false);
  const std::vector<Key> expected{letter("q"),
                                  named(Key::Kind::kUp),
                                  named(Key::Kind::kDown),
                                  named(Key::Kind::kPageDown),
                                  named(Key::Kind::kEnter),
                                  named(Key::Kind::kBackspace),
                                  named(Key::Kind::kInterrupt),
                                  letter("ä")};
  EXPECT_EQ(keys, expected);
  EXPECT_TRUE(bytes.empty());
}

TEST(TermKeys, ASequenceInTwoPartsIsOneKeyAndALoneEscapeIsEscape) {
  std::string bytes = "\x1b";
  EXPECT_TRUE(take_keys(bytes, false).empty());
  bytes += "[";
  EXPECT_TRUE(take_keys(bytes, false).empty());
  bytes += "C";
  EXPECT_EQ(take_keys(bytes, false), std::vector{named(Key::Kind::kRight)});
  bytes = "\x1b";
  EXPECT_EQ(take_keys(bytes, true), std::vector{named(Key::Kind::kEscape)});
}

TEST(TermKeys, WhateverBytesComeAllAreTaken) {
  for (int first = 0; first < 256; ++first) {
    for (const int second : {0x00, 0x1b, 0x5b, 0x41, 0x80, 0xff}) {
      std::string bytes{static_cast<char>(first), static_cast<char>(second)};
      take_keys(bytes, true);
      EXPECT_TRUE(bytes.empty());
    }
  }
}

TEST(TermTape, CellsHoldSharesOfTheirTime) {
  const auto cells =
      sample_tape().cells("GPU-5f1c8a32", "1001/train", 1'789'999'996, 1'789'999'999, 3);
  ASSERT_EQ(cells.size(), 3u);
  EXPECT_NEAR(cells[0].ran + cells[0].waited, 0.808, 0.001);
  EXPECT_GT(cells[2].waited, cells[0].waited);
  for (const auto& cell : sample_tape().cells("other", "1001/train", 0, 1, 4)) {
    EXPECT_EQ(cell.ran, 0);
  }
}

TEST(TermTape, OldBlocksGo) {
  SliceTape tape(5);
  tape.add({"G", "1/a", 0, 1, "run", 1, client::Label::kMeasured});
  tape.add({"G", "1/a", 100, 101, "run", 1, client::Label::kMeasured});
  EXPECT_EQ(tape.cells("G", "1/a", 0, 1, 1)[0].ran, 0);
  EXPECT_EQ(tape.cells("G", "1/a", 100, 101, 1)[0].ran, 1);
}

TEST(TermTape, ALaneThatKnowsOnlyTurnsShowsThose) {
  Line granted, waiting, parked;
  add_strip(granted, {{.turn = 1}, {.turn = 0.5}});
  add_strip(waiting, {{.ran = 1}, {.waited = 1}, {}});
  add_strip(parked, {{.parked = 1}});
  EXPECT_EQ(granted.text(), "█▄");
  EXPECT_EQ(waiting.text(), "█·");
  EXPECT_EQ(parked.text(), "░");
}

TEST(TermView, SortingGoesRoundBothWays) {
  const Snapshot snapshot = sample_snapshot();
  ViewState view;
  press(view, letter("s"), snapshot);
  EXPECT_EQ(view.sort, SortKey::kGpu);
  press(view, named(Key::Kind::kLeft), snapshot);
  press(view, named(Key::Kind::kLeft), snapshot);
  EXPECT_EQ(view.sort, SortKey::kPid);
}

TEST(TermView, TheFilterKnowsPodsContainersAndCommands) {
  const Snapshot snapshot = sample_snapshot();
  ViewState view;
  const auto pids = [&](const char* filter) {
    view.filter = filter;
    std::vector<int> found;
    for (const ProcessRow& row : process_rows(snapshot, view)) {
      if (row.process != nullptr) found.push_back(row.process->pid);
    }
    return found;
  };
  EXPECT_EQ(pids("CHAT-7c"), std::vector{41210});
  EXPECT_EQ(pids("train-llm"), (std::vector{50112, 50113}));
  EXPECT_EQ(pids("blender"), std::vector{33120});
  EXPECT_TRUE(pids("nothing like it").empty());
  view.filter = "prod/";
  ASSERT_EQ(workload_rows(snapshot, view).size(), 1u);
  EXPECT_EQ(workload_rows(snapshot, view)[0]->name, "serve");
}

TEST(TermView, ASlashTypesAFilterUntilEnterOrEscape) {
  const Snapshot snapshot = sample_snapshot();
  ViewState view;
  for (const char* text : {"/", "q", "s", "ä"}) press(view, letter(text), snapshot);
  EXPECT_EQ(view.filter, "qsä");
  press(view, named(Key::Kind::kBackspace), snapshot);
  EXPECT_EQ(view.filter, "qs");
  press(view, named(Key::Kind::kEnter), snapshot);
  EXPECT_FALSE(view.typing);
  EXPECT_EQ(view.filter, "qs");
  press(view, named(Key::Kind::kEscape), snapshot);
  EXPECT_EQ(view.filter, "");
}

TEST(TermView, ASignalIsSentOnlyAfterAYes) {
  const Snapshot snapshot = sample_snapshot();
  ViewState view;
  EXPECT_EQ(press(view, letter("k"), snapshot).kind, Action::Kind::kNone);
  EXPECT_FALSE(view.question) << "nobody is chosen";
  press(view, named(Key::Kind::kDown), snapshot);
  press(view, letter("k"), snapshot);
  ASSERT_TRUE(view.question);
  EXPECT_EQ(press(view, letter("n"), snapshot).kind, Action::Kind::kNone);
  EXPECT_FALSE(view.question);
  press(view, letter("k"), snapshot);
  const Action action = press(view, letter("y"), snapshot);
  EXPECT_EQ(action.kind, Action::Kind::kTerminate);
  EXPECT_EQ(action.target.pid, view.chosen);
  EXPECT_TRUE(is_still_there(snapshot, action.target));
  Snapshot later = snapshot;
  for (Gpu& gpu : later.gpus) {
    for (Process& process : gpu.processes) process.started += 1;
  }
  EXPECT_FALSE(is_still_there(later, action.target)) << "its PID belongs to another process";
}

TEST(TermView, ChoosingStopsAtTheEnds) {
  const Snapshot snapshot = sample_snapshot();
  ViewState view;
  view.sort = SortKey::kPid;
  view.tree = false;
  press(view, named(Key::Kind::kHome), snapshot);
  EXPECT_EQ(view.chosen, 33120);
  press(view, named(Key::Kind::kUp), snapshot);
  EXPECT_EQ(view.chosen, 33120);
  press(view, named(Key::Kind::kEnd), snapshot);
  EXPECT_EQ(view.chosen, 60244);
}

TEST(TermView, QuittingWorksEverywhere) {
  const Snapshot snapshot = sample_snapshot();
  ViewState view;
  EXPECT_EQ(press(view, letter("q"), snapshot).kind, Action::Kind::kQuit);
  view.help = true;
  EXPECT_EQ(press(view, letter("q"), snapshot).kind, Action::Kind::kQuit);
  view.typing = true;
  EXPECT_EQ(press(view, named(Key::Kind::kInterrupt), snapshot).kind, Action::Kind::kQuit);
}

}  // namespace

}  // namespace corun::monitoring
