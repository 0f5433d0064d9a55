#pragma once
// How often something happens, from how often it did.

#include <cstdint>

namespace shaketable {

struct Interval {
  double low = 0, high = 1;
  double width() const { return high - low; }
};

// Clopper & Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26
// (1934) 404-413: the exact interval, from quantiles of the beta distribution. It covers the true odds with at least
// the confidence named, for every number of trials; Wilson's is shorter and may cover less. No trials: [0, 1].
// 0 <= hits <= trials, 0 < confidence < 1.
Interval clopper_pearson(std::int64_t hits, std::int64_t trials, double confidence = 0.95);

// Fisher's exact test of a two-by-two table (Fisher, "On the interpretation of chi-squared from contingency tables, and
// the calculation of P", JRSS 85 (1922) 87-94): the probability, if both settings had the same odds, of a table as
// unlikely as this one or more so (two-sided). 1 when one of them has no trials.
double fisher_exact(std::int64_t hits_a, std::int64_t trials_a, std::int64_t hits_b, std::int64_t trials_b);

}  // namespace shaketable
