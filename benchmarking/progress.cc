#include "benchmarking/progress.h"

#include <fmt/format.h>

#include <algorithm>

namespace corun::benchmarking {

namespace {

constexpr size_t kBarWidth = 24;
constexpr Nanos kRedraw = std::chrono::milliseconds(250);
constexpr char kClearLine[] = "\r\x1b[K";

}  // namespace

std::string clock_text(Nanos time) {
  int64_t seconds = std::max<int64_t>(0, (time.count() + 500'000'000) / 1'000'000'000);
  int64_t minutes = seconds / 60;
  if (minutes < 60) return fmt::format("{}:{:02}", minutes, seconds % 60);
  return fmt::format("{}:{:02}:{:02}", minutes / 60, minutes % 60, seconds % 60);
}

Progress::Progress(std::ostream& out, bool terminal, const Clock& clock, size_t cells,
                   Nanos expected)
    : out_(out), terminal_(terminal), clock_(clock), cells_(cells), expected_(expected) {}

Nanos Progress::left() const {
  // Until something was measured the plan is all there is; then its error so far is the best guess
  // of its error to come.
  double pace =
      expected_done_.count() > 0 ? to_seconds(really_done_) / to_seconds(expected_done_) : 1.0;
  Nanos open = expected_ - expected_done_;
  Nanos spent = done_ < cells_ && cell_expected_.count() > 0 ? spent_in_cell() : Nanos(0);
  Nanos rest = from_seconds(to_seconds(open) * pace) - spent;
  return std::max(rest, Nanos(0));
}

void Progress::begin_cell(const std::string& label, Nanos expected) {
  label_ = label;
  cell_expected_ = expected;
  cell_begin_ = clock_.now();
  if (terminal_) {
    draw();
  } else {
    out_ << fmt::format("[{}/{}] {} ({} left)\n", done_ + 1, cells_, label_, clock_text(left()));
    out_.flush();
  }
}

void Progress::tick() {
  if (terminal_ && clock_.now() - drawn_ >= kRedraw) draw();
}

void Progress::draw() {
  drawn_ = clock_.now();
  double whole = to_seconds(expected_);
  double cell_part = std::min(to_seconds(spent_in_cell()), to_seconds(cell_expected_));
  double part = whole > 0 ? (to_seconds(expected_done_) + cell_part) / whole : 0;
  size_t filled = std::min(kBarWidth, static_cast<size_t>(part * kBarWidth));
  std::string bar = std::string(filled, '#') + std::string(kBarWidth - filled, '.');
  out_ << kClearLine
       << fmt::format("[{}] {}/{} {} left  {}", bar, done_ + 1, cells_, clock_text(left()), label_);
  out_.flush();
  bar_shown_ = true;
}

void Progress::clear() {
  if (bar_shown_) out_ << kClearLine;
  bar_shown_ = false;
}

void Progress::end_cell(const std::string& reason) {
  really_done_ += spent_in_cell();
  expected_done_ += cell_expected_;
  cell_expected_ = Nanos(0);
  ++done_;
  if (!reason.empty()) tell_void(label_, reason);
}

void Progress::tell_void(const std::string& cell, const std::string& reason) {
  clear();
  out_ << fmt::format("void: {}: {}\n", cell, reason);
  out_.flush();
}

void Progress::finish() {
  clear();
  out_.flush();
}

}  // namespace corun::benchmarking
