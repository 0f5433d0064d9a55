#include "orchestrator/campaign/odds.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <cmath>

namespace shaketable {
namespace {

double log_choose(std::int64_t n, std::int64_t k) {
  const auto real = [](std::int64_t i) { return static_cast<double>(i); };
  return std::lgamma(real(n) + 1) - std::lgamma(real(k) + 1) - std::lgamma(real(n - k) + 1);
}

}  // namespace

Interval clopper_pearson(std::int64_t hits, std::int64_t trials, double confidence) {
  if (trials <= 0) return {};
  const double tail = (1 - confidence) / 2;
  const auto a = static_cast<double>(hits), b = static_cast<double>(trials - hits);
  Interval interval;
  if (hits > 0) interval.low = boost::math::quantile(boost::math::beta_distribution<>(a, b + 1), tail);
  if (hits < trials) interval.high = boost::math::quantile(boost::math::beta_distribution<>(a + 1, b), 1 - tail);
  return interval;
}

double fisher_exact(std::int64_t hits_a, std::int64_t trials_a, std::int64_t hits_b, std::int64_t trials_b) {
  if (trials_a <= 0 || trials_b <= 0) return 1;
  const std::int64_t hits = hits_a + hits_b, all = trials_a + trials_b;
  const auto log_odds = [&](std::int64_t in_a) {
    return log_choose(trials_a, in_a) + log_choose(trials_b, hits - in_a) - log_choose(all, hits);
  };
  // Tables that are as likely as the one seen differ from it by rounding only.
  constexpr double kRounding = 1e-7;
  const double seen = log_odds(hits_a);
  double p = 0;
  for (std::int64_t in_a = std::max<std::int64_t>(0, hits - trials_b); in_a <= std::min(hits, trials_a); ++in_a)
    if (const double odds = log_odds(in_a); odds <= seen + kRounding) p += std::exp(odds);
  return std::min(p, 1.0);
}

}  // namespace shaketable
