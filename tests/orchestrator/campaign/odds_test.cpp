// Odds and their intervals, against published figures.

#include "orchestrator/campaign/odds.h"

#include <catch2/catch.hpp>
#include <cmath>

namespace shaketable {
namespace {

// P(X <= k) of a binomial distribution, summed; nothing of what is under test is in it.
double at_most(int k, int n, double p) {
  double sum = 0;
  for (int i = 0; i <= k; ++i) {
    double term = 1;
    for (int j = 0; j < i; ++j) term *= static_cast<double>(n - j) / (j + 1) * p;
    sum += term * std::pow(1 - p, n - i);
  }
  return sum;
}

TEST_CASE("the ends of a Clopper-Pearson interval leave 2.5 % on either side") {
  for (const auto& [hits, trials] : {std::pair{7, 40}, {1, 20}, {19, 20}, {10, 20}, {3, 5}}) {
    const Interval interval = clopper_pearson(hits, trials);
    INFO(hits << " of " << trials << ": " << interval.low << " to " << interval.high);
    CHECK(at_most(hits, trials, interval.high) == Approx(0.025).margin(1e-9));
    CHECK(1 - at_most(hits - 1, trials, interval.low) == Approx(0.025).margin(1e-9));
  }
}

TEST_CASE("intervals of none and of all end at the edge") {
  CHECK(clopper_pearson(0, 20).low == 0);
  // The rule of three's exact form: 1 - 0.025^(1/n).
  CHECK(clopper_pearson(0, 20).high == Approx(1 - std::pow(0.025, 1.0 / 20)));
  CHECK(clopper_pearson(20, 20).high == 1);
  CHECK(clopper_pearson(20, 20).low == Approx(std::pow(0.025, 1.0 / 20)));
  CHECK(clopper_pearson(0, 0).width() == 1);
  CHECK(clopper_pearson(7, 40, 0.8).width() < clopper_pearson(7, 40).width());
}

TEST_CASE("Fisher's exact test on tables that can be counted by hand") {
  // The lady tasting tea: 4 of 4 against 0 of 4 has 1 of 70 ways, and so has its mirror image.
  CHECK(fisher_exact(4, 4, 0, 4) == Approx(2.0 / 70));
  CHECK(fisher_exact(3, 4, 1, 4) == Approx(34.0 / 70));
  CHECK(fisher_exact(2, 4, 2, 4) == Approx(1));
  CHECK(fisher_exact(0, 20, 0, 20) == Approx(1));
  CHECK(fisher_exact(0, 0, 5, 5) == 1);
  CHECK(fisher_exact(0, 20, 7, 20) < 0.01);
}

}  // namespace
}  // namespace shaketable
