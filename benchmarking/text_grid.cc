#include "benchmarking/text_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace corun::benchmarking {

namespace {

constexpr size_t kGap = 2;
constexpr size_t kNarrowestName = 8;

const char* escape_of(TextStyle style) {
  switch (style) {
    case TextStyle::kPlain:
      return "";
    case TextStyle::kBold:
      return "\x1b[1m";
    case TextStyle::kWarn:
      return "\x1b[1;33m";
    case TextStyle::kDim:
      return "\x1b[2m";
  }
  return "";
}

std::string cut(const std::string& text, size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 1) + "~";
}

}  // namespace

void TextPrinter::line(const std::string& text, TextStyle style) {
  const bool styled = color_ && style != TextStyle::kPlain && !text.empty();
  out_ += styled ? escape_of(style) + text + "\x1b[0m" : text;
  out_ += '\n';
}

void TextPrinter::wrapped(const std::string& text, const std::string& indent) {
  std::string rest = text;
  while (rest.size() > kTextWidth) {
    size_t at = rest.rfind(' ', kTextWidth);
    if (at == std::string::npos || at <= indent.size()) at = kTextWidth;
    line(rest.substr(0, at));
    const size_t next = rest.find_first_not_of(' ', at);
    rest = next == std::string::npos ? "" : fmt::format("{}{}", indent, rest.substr(next));
  }
  if (!rest.empty()) line(rest);
}

TextGrid::TextGrid(std::vector<std::string> head, size_t left) : left_(left) {
  rows_.push_back(std::move(head));
}

void TextGrid::add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

void TextGrid::print(TextPrinter& printer) const {
  const std::vector<size_t> widths = fitted_widths();
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c) {
      const std::string cell = cut(rows_[r][c], widths[c]);
      line += c < left_ ? fmt::format("{:<{}}", cell, widths[c])
                        : fmt::format("{:>{}}", cell, widths[c]);
      if (c + 1 < widths.size()) line.append(kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    printer.line(line, r == 0 ? TextStyle::kBold : TextStyle::kPlain);
  }
}

/// Natural widths; where they do not fit, the widest of the names gives way.
std::vector<size_t> TextGrid::fitted_widths() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  const size_t gaps = kGap * (widths.size() - 1);
  while (std::accumulate(widths.begin(), widths.end(), gaps) > kTextWidth) {
    const auto names_end = widths.begin() + static_cast<std::ptrdiff_t>(left_);
    const auto widest = std::max_element(widths.begin(), names_end);
    if (*widest <= kNarrowestName) break;
    --*widest;
  }
  return widths;
}

}  // namespace corun::benchmarking
