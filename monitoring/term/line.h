// A line of a terminal: pieces of text, each with a meaning that colours may show.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace corun::monitoring {

enum class Ink { kPlain, kDim, kBold, kGood, kWarn, kBad, kInfo };

class Line {
 public:
  Line& add(std::string_view text, Ink ink = Ink::kPlain);
  /// `text` cut or filled to `width` columns.
  Line& cell(std::string_view text, size_t width, Ink ink = Ink::kPlain);
  /// The same, with the text at the right.
  Line& right(std::string_view text, size_t width, Ink ink = Ink::kPlain);
  /// Blanks up to column `width`.
  Line& fill(size_t width);
  /// Leaves out what is beyond `width` columns.
  Line& cut(size_t width);
  /// Shown light on dark, or the other way round.
  Line& invert();

  size_t width() const;
  std::string text() const;  ///< without escapes, without blanks at the end
  /// With escapes; without colours only inversion and weight are left.
  std::string ansi(bool color) const;

 private:
  struct Piece {
    std::string text;
    Ink ink;
  };
  std::vector<Piece> pieces_;
  bool inverted_ = false;
};

/// How many columns a terminal takes for `text` (UTF-8).
size_t columns_of(std::string_view text);
/// What a terminal can be given of `text`: control characters and broken UTF-8 are '?'.
std::string clean(std::string_view text);
/// The first `width` columns; the last is "…" when something is left out.
std::string shorten(std::string_view text, size_t width);

}  // namespace corun::monitoring
