// Points of a series: how they are thinned out, and how they lie in the store.
//
// A chunk of points is stored column by column (times, then means, minima, maxima), each column as
// planes of bytes (all first bytes, all second bytes, ...), and then compressed: neighbouring
// points are alike, so most planes are nearly constant. Values keep 12 bits of mantissa (0.02 %),
// which makes the last plane vanish; counters are stored as what they rose since the chunk's first
// point.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corun::monitoring {

struct Point {
  double t = 0;  ///< unix seconds
  double min = 0;
  double mean = 0;
  double max = 0;
  bool operator==(const Point&) const = default;
};

/// One value, as it was read.
inline Point point_of(double t, double value) { return {t, value, value, value}; }

/// Gathers points of `length` seconds, on a grid, to one.
class Bucket {
 public:
  explicit Bucket(double length) : length_(length) {}
  /// The point that is complete now that one at this later time comes, or nothing.
  std::optional<Point> add(double t, double value);
  /// What is gathered so far, or nothing.
  std::optional<Point> open() const;

 private:
  double length_;
  double begin_ = 0;
  double min_ = 0, max_ = 0, sum_ = 0;
  uint64_t count_ = 0;
};

/// At most `count` points of equal steps in [from, to), from points in the order of time: minimum
/// of minima, mean of means, maximum of maxima; a point's time is the middle of its step. Steps
/// without a point are left out. Fewer points than that stay as they are.
std::vector<Point> thin_out(std::span<const Point> points, double from, double to, size_t count);

/// `exact`: a counter, kept to the last of 32 bits above its first value; else 12 bits of mantissa.
std::string encode_points(std::span<const Point> points, bool exact);
/// Nothing when the text is no such chunk.
std::optional<std::vector<Point>> decode_points(std::string_view blob);

}  // namespace corun::monitoring
