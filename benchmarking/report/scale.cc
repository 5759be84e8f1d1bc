#include "benchmarking/report/scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.h"

namespace corun::benchmarking {

namespace {

/// 1, 2 or 5 times a power of ten, at least `rough`.
double round_step(double rough) {
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::vector<double> log_ticks(double from, double to, std::initializer_list<double> factors) {
  std::vector<double> ticks;
  for (double power = std::pow(10, std::floor(std::log10(from))); power <= to; power *= 10) {
    for (const double factor : factors) {
      const double tick = factor * power;
      if (tick >= from * (1 - 1e-9) && tick <= to * (1 + 1e-9)) ticks.push_back(tick);
    }
  }
  return ticks;
}

}  // namespace

Scale Scale::linear(double from, double to, double pixel_from, double pixel_to) {
  CORUN_CHECK(from < to, "an axis without length");
  return {false, from, to, pixel_from, pixel_to};
}

Scale Scale::logarithmic(double from, double to, double pixel_from, double pixel_to) {
  CORUN_CHECK(0 < from && from < to, "a logarithmic axis without length");
  return {true, from, to, pixel_from, pixel_to};
}

double Scale::operator()(double value) const {
  const double inside = std::clamp(value, from_, to_);
  const double part =
      log_ ? std::log(inside / from_) / std::log(to_ / from_) : (inside - from_) / (to_ - from_);
  return pixel_from_ + part * (pixel_to_ - pixel_from_);
}

std::vector<double> Scale::ticks(int count) const {
  if (log_) {
    const auto wanted = static_cast<size_t>(count);
    auto fine = log_ticks(from_, to_, {1, 2, 5});
    if (fine.size() >= 3 && fine.size() <= wanted + 2) return fine;
    if (fine.size() < 3) return log_ticks(from_, to_, {1, 1.2, 1.5, 2, 3, 4, 5, 7});
    return log_ticks(from_, to_, {1});
  }
  std::vector<double> ticks;
  const double step = round_step((to_ - from_) / count);
  for (double k = std::ceil(from_ / step - 1e-9); k * step <= to_ + step * 1e-9; ++k) {
    ticks.push_back(k * step);
  }
  return ticks;
}

std::string tick_text(double value) {
  if (std::abs(value) < 1e-12) return "0";
  return fmt::format("{:g}", std::round(value * 1e9) / 1e9);
}

}  // namespace corun::benchmarking
