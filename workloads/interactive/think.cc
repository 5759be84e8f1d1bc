#include "workloads/interactive/think.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "core/text.h"
#include "core/units.h"

namespace corun::interactive {

namespace {

constexpr double kMaxSigma = 5;

bool parse_sigma(std::string_view text, double& out) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && end == text.data() + text.size() && out >= 0 && out <= kMaxSigma;
}

}  // namespace

Result<ThinkTime> parse_think(std::string_view text) {
  const Error wrong =
      usage_error(fmt::format("'{}' is no think time", one_line(text)),
                  "use constant:2s, exponential:2s, lognormal:2s or lognormal:2s:0.8");
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return wrong;
  const std::string_view kind = text.substr(0, colon);
  std::string_view time = text.substr(colon + 1);
  ThinkTime think;
  if (kind == "constant") {
    think.kind = ThinkKind::kConstant;
  } else if (kind == "exponential") {
    think.kind = ThinkKind::kExponential;
  } else if (kind != "lognormal") {
    return wrong;
  }
  const size_t second = time.find(':');
  if (second != std::string_view::npos) {
    if (think.kind != ThinkKind::kLogNormal || !parse_sigma(time.substr(second + 1), think.sigma)) {
      return wrong;
    }
    time = time.substr(0, second);
  }
  CORUN_ASSIGN(think.typical, parse_duration(time));
  if (think.typical < Nanos(0)) return wrong;
  return think;
}

Nanos draw(const ThinkTime& think, stats::Random& random) {
  const double typical_s = to_seconds(think.typical);
  switch (think.kind) {
    case ThinkKind::kConstant:
      return think.typical;
    case ThinkKind::kExponential:
      return from_seconds(random.exponential(typical_s));
    case ThinkKind::kLogNormal:
      return from_seconds(typical_s * std::exp(think.sigma * random.normal()));
  }
  return think.typical;
}

}  // namespace corun::interactive
