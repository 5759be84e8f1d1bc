// From figures to pixels, and where the ticks of an axis stand.
#pragma once

#include <string>
#include <vector>

namespace corun::benchmarking {

class Scale {
 public:
  static Scale linear(double from, double to, double pixel_from, double pixel_to);
  /// Precondition: 0 < from < to.
  static Scale logarithmic(double from, double to, double pixel_from, double pixel_to);

  /// Pixel of a figure; figures outside the domain are clamped to its ends.
  double operator()(double value) const;
  double from() const { return from_; }
  double to() const { return to_; }
  /// About `count` round figures inside the domain (1, 2, 5 x 10^k).
  std::vector<double> ticks(int count) const;

 private:
  Scale(bool log, double from, double to, double pixel_from, double pixel_to)
      : log_(log), from_(from), to_(to), pixel_from_(pixel_from), pixel_to_(pixel_to) {}

  bool log_;
  double from_;
  double to_;
  double pixel_from_;
  double pixel_to_;
};

/// A tick's figure: "0.5", "20", "1000".
std::string tick_text(double value);

}  // namespace corun::benchmarking
