// Text for a terminal, at most 100 columns wide: lines, wrapped lines and columns.
#pragma once

#include <string>
#include <vector>

namespace corun::benchmarking {

inline constexpr size_t kTextWidth = 100;

enum class TextStyle { kPlain, kBold, kWarn, kDim };

class TextPrinter {
 public:
  /// `color`: styles become ANSI escapes; without it they are dropped.
  explicit TextPrinter(bool color) : color_(color) {}
  void line(const std::string& text, TextStyle style = TextStyle::kPlain);
  /// Breaks at blanks; later lines begin with `indent`.
  void wrapped(const std::string& text, const std::string& indent);
  std::string take() { return std::move(out_); }

 private:
  bool color_;
  std::string out_;
};

/// Columns of text, the first `left` of them flush left, the others flush right.
class TextGrid {
 public:
  TextGrid(std::vector<std::string> head, size_t left);
  void add(std::vector<std::string> row);
  void print(TextPrinter& printer) const;

 private:
  std::vector<size_t> fitted_widths() const;

  size_t left_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace corun::benchmarking
