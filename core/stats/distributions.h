// The few distribution functions that intervals and tests need.
#pragma once

#include <cstdint>

namespace corun::stats {

/// P[Bin(n, p) <= k]; 0 for k < 0, 1 for k >= n. Exact to about 1e-12.
double binomial_cdf(int64_t k, int64_t n, double p);
/// Regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x);
/// P[T <= t] for Student's t with `df` degrees of freedom; df = infinity is the normal.
double student_t_cdf(double t, double df);
/// Inverse of student_t_cdf. Precondition: 0 < p < 1, df > 0.
double student_t_quantile(double p, double df);

}  // namespace corun::stats
