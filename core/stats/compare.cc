#include "core/stats/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/check.h"
#include "core/stats/bootstrap.h"
#include "core/stats/distributions.h"

namespace corun::stats {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool logarithms(std::span<const double> values, std::vector<double>& out) {
  for (const double value : values) {
    if (!(value > 0)) return false;
    out.push_back(std::log(value));
  }
  return out.size() >= 2;
}

/// Probability of a ratio at least this far above `bound` if the true ratio were `bound`.
double p_above(const Ratio& ratio, double bound) {
  const double distance = ratio.log_ratio - std::log(bound);
  if (ratio.standard_error <= 0) return distance > 0 ? 0 : 1;
  return 1 - student_t_cdf(distance / ratio.standard_error, ratio.degrees_of_freedom);
}

double p_below(const Ratio& ratio, double bound) {
  const double distance = ratio.log_ratio - std::log(bound);
  if (ratio.standard_error <= 0) return distance < 0 ? 0 : 1;
  return student_t_cdf(distance / ratio.standard_error, ratio.degrees_of_freedom);
}

/// What the data most clearly show, and the one-sided error probability of claiming it.
struct Claim {
  Verdict verdict = Verdict::kAmbiguous;
  double p = 1;
};

Claim strongest_claim(const Comparison& c) {
  const double low = 1 - c.band;
  const double high = 1 + c.band;
  const bool up_is_good = c.better == Better::kHigher;
  const Claim claims[] = {
      {Verdict::kSame, std::max(p_above(c.ratio, low), p_below(c.ratio, high))},
      {up_is_good ? Verdict::kBetter : Verdict::kWorse, p_above(c.ratio, high)},
      {up_is_good ? Verdict::kWorse : Verdict::kBetter, p_below(c.ratio, low)},
  };
  return *std::min_element(std::begin(claims), std::end(claims),
                           [](const Claim& a, const Claim& b) { return a.p < b.p; });
}

}  // namespace

double Ratio::value() const { return std::exp(log_ratio); }

Estimate Ratio::estimate(double confidence) const {
  const double reach =
      standard_error * student_t_quantile(1 - (1 - confidence) / 2, degrees_of_freedom);
  return {value(), std::exp(log_ratio - reach), std::exp(log_ratio + reach)};
}

std::optional<Ratio> paired_ratio(std::span<const double> a, std::span<const double> b) {
  CORUN_CHECK(a.size() == b.size(), "pairs of different number");
  std::vector<double> log_a;
  std::vector<double> log_b;
  if (!logarithms(a, log_a) || !logarithms(b, log_b)) return std::nullopt;
  std::vector<double> differences;
  for (size_t i = 0; i < log_a.size(); ++i) differences.push_back(log_b[i] - log_a[i]);
  const double n = static_cast<double>(differences.size());
  return Ratio{mean(differences), std::sqrt(variance(differences) / n), n - 1};
}

std::optional<Ratio> unpaired_ratio(std::span<const double> a, std::span<const double> b) {
  std::vector<double> log_a;
  std::vector<double> log_b;
  if (!logarithms(a, log_a) || !logarithms(b, log_b)) return std::nullopt;
  const double na = static_cast<double>(log_a.size());
  const double nb = static_cast<double>(log_b.size());
  const double va = variance(log_a) / na;
  const double vb = variance(log_b) / nb;
  // Welch-Satterthwaite; two series without any spread leave the sum of both.
  const double denominator = va * va / (na - 1) + vb * vb / (nb - 1);
  const double df = denominator > 0 ? (va + vb) * (va + vb) / denominator : na + nb - 2;
  return Ratio{mean(log_b) - mean(log_a), std::sqrt(va + vb), df};
}

std::optional<Ratio> ratio_of_estimates(const Estimate& a, const Estimate& b) {
  double squares = 0;
  for (const Estimate* e : {&a, &b}) {
    if (!e->low || !e->high || !(*e->low > 0) || !(e->value > 0)) return std::nullopt;
    const double error =
        (std::log(*e->high) - std::log(*e->low)) / (2 * student_t_quantile(0.975, kInfinity));
    squares += error * error;
  }
  return Ratio{std::log(b.value) - std::log(a.value), std::sqrt(squares), kInfinity};
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kSame:
      return "SAME";
    case Verdict::kBetter:
      return "BETTER";
    case Verdict::kWorse:
      return "WORSE";
    case Verdict::kAmbiguous:
      return "AMBIGUOUS";
  }
  return "AMBIGUOUS";
}

Verdict verdict(const Comparison& comparison, double confidence) {
  return holm_verdicts(std::span(&comparison, 1), confidence).front();
}

std::vector<Verdict> holm_verdicts(std::span<const Comparison> grid, double confidence) {
  std::vector<Claim> claims;
  for (const Comparison& comparison : grid) claims.push_back(strongest_claim(comparison));
  std::vector<size_t> order(claims.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return claims[a].p < claims[b].p; });
  std::vector<Verdict> verdicts(claims.size(), Verdict::kAmbiguous);
  const double tail = (1 - confidence) / 2;
  for (size_t i = 0; i < order.size(); ++i) {
    // Holm: the strongest of m claims must pass tail/m, the next tail/(m-1), ...; the first that
    // fails ends it.
    if (claims[order[i]].p > tail / static_cast<double>(order.size() - i)) break;
    verdicts[order[i]] = claims[order[i]].verdict;
  }
  return verdicts;
}

}  // namespace corun::stats
