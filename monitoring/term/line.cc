#include "monitoring/term/line.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace corun::monitoring {

namespace {

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 1;
  bool broken = false;
};

/// The first one of `text`, which is not empty.
CodePoint first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xf0 && lead < 0xf5   ? 4
                       : lead >= 0xe0 && lead < 0xf0 ? 3
                       : lead >= 0xc2 && lead < 0xe0 ? 2
                                                     : 0;
  if (bytes == 0 || text.size() < bytes) return {'?', 1, true};
  uint32_t value = lead & (0xffU >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return {'?', 1, true};
    value = value << 6 | (next & 0x3f);
  }
  return {value, bytes};
}

size_t columns_of(const CodePoint& point) {
  struct Range {
    uint32_t from, to;
  };
  static constexpr std::array kNone{Range{0x300, 0x36f}, Range{0x200b, 0x200f},
                                    Range{0xfe00, 0xfe0f}};
  static constexpr std::array kTwo{
      Range{0x1100, 0x115f}, Range{0x2e80, 0xa4cf}, Range{0xac00, 0xd7a3},  Range{0xf900, 0xfaff},
      Range{0xfe30, 0xfe6f}, Range{0xff00, 0xff60}, Range{0x1f300, 0x1faff}};
  const auto in = [&](const Range& range) {
    return point.value >= range.from && point.value <= range.to;
  };
  if (std::ranges::any_of(kNone, in)) return 0;
  return std::ranges::any_of(kTwo, in) ? 2 : 1;
}

std::string_view code_of(Ink ink, bool color) {
  switch (ink) {
    case Ink::kPlain:
      return "";
    case Ink::kDim:
      return color ? "\x1b[2m" : "";
    case Ink::kBold:
      return "\x1b[1m";
    case Ink::kGood:
      return color ? "\x1b[32m" : "";
    case Ink::kWarn:
      return color ? "\x1b[33m" : "\x1b[1m";
    case Ink::kBad:
      return color ? "\x1b[31;1m" : "\x1b[1m";
    case Ink::kInfo:
      return color ? "\x1b[36m" : "";
  }
  return "";
}

}  // namespace

size_t columns_of(std::string_view text) {
  size_t columns = 0;
  while (!text.empty()) {
    const CodePoint point = first_of(text);
    columns += columns_of(point);
    text.remove_prefix(point.bytes);
  }
  return columns;
}

std::string clean(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint point = first_of(text);
    const bool control = point.value < 0x20 || (point.value >= 0x7f && point.value < 0xa0);
    if (control || point.broken) {
      out += '?';
    } else {
      out += text.substr(0, point.bytes);
    }
    text.remove_prefix(point.bytes);
  }
  return out;
}

std::string shorten(std::string_view text, size_t width) {
  if (columns_of(text) <= width) return std::string(text);
  if (width == 0) return "";
  std::string out;
  size_t columns = 0;
  while (!text.empty()) {
    const CodePoint point = first_of(text);
    columns += columns_of(point);
    if (columns > width - 1) break;
    out += text.substr(0, point.bytes);
    text.remove_prefix(point.bytes);
  }
  return out + "…";
}

Line& Line::add(std::string_view text, Ink ink) {
  if (!text.empty()) pieces_.push_back({clean(text), ink});
  return *this;
}

Line& Line::cell(std::string_view text, size_t width, Ink ink) {
  const std::string shown = shorten(clean(text), width);
  const size_t left = width - std::min(width, columns_of(shown));
  return add(shown, ink).add(std::string(left, ' '));
}

Line& Line::right(std::string_view text, size_t width, Ink ink) {
  const std::string shown = shorten(clean(text), width);
  const size_t left = width - std::min(width, columns_of(shown));
  return add(std::string(left, ' ')).add(shown, ink);
}

Line& Line::fill(size_t width) {
  const size_t now = this->width();
  return now < width ? add(std::string(width - now, ' ')) : *this;
}

Line& Line::cut(size_t width) {
  size_t columns = 0;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const size_t own = columns_of(pieces_[i].text);
    if (columns + own > width) {
      pieces_[i].text = shorten(pieces_[i].text, width - columns);
      pieces_.resize(i + 1);
      break;
    }
    columns += own;
  }
  return *this;
}

Line& Line::invert() {
  inverted_ = true;
  return *this;
}

size_t Line::width() const {
  size_t columns = 0;
  for (const Piece& piece : pieces_) columns += columns_of(piece.text);
  return columns;
}

std::string Line::text() const {
  std::string out;
  for (const Piece& piece : pieces_) out += piece.text;
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string Line::ansi(bool color) const {
  constexpr std::string_view kReset = "\x1b[0m";
  std::string out;
  for (const Piece& piece : pieces_) {
    const std::string_view code = code_of(piece.ink, color);
    if (inverted_) out += "\x1b[7m";
    out += code;
    out += piece.text;
    if (inverted_ || !code.empty()) out += kReset;
  }
  return out;
}

}  // namespace corun::monitoring
