#include "base/histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <memory>
#include <vector>

#include "base/random.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

TEST_CASE("an empty histogram answers 0") {
  const auto histogram = std::make_unique<Histogram>();
  CHECK(histogram->count() == 0);
  CHECK(histogram->quantile(0.5) == 0ns);
  CHECK(histogram->max() == 0ns);
}

TEST_CASE("one value is every quantile") {
  const auto histogram = std::make_unique<Histogram>();
  histogram->add(1234567ns);
  for (double q : {0.0, 0.5, 0.99, 1.0}) CHECK(histogram->quantile(q) == 1234567ns);
  CHECK(histogram->count() == 1);
}

TEST_CASE("quantiles are at most 1/64 above the exact ones, and never below") {
  Random random(8);
  for (int round = 0; round < 30; ++round) {
    const auto histogram = std::make_unique<Histogram>();
    std::vector<std::int64_t> values;
    for (std::uint64_t n = 1 + random.below(3000); n > 0; --n) {
      const auto value = static_cast<std::int64_t>(random.next() >> random.between(1, 63));
      values.push_back(value);
      histogram->add(Nanos(value));
    }
    std::sort(values.begin(), values.end());
    for (double q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(q * static_cast<double>(values.size()))));
      const double exact = static_cast<double>(values[rank - 1]);
      const double got = static_cast<double>(histogram->quantile(q).count());
      INFO("q " << q << " exact " << exact << " got " << got);
      REQUIRE(got >= exact);
      REQUIRE(got <= exact * (1 + 1.0 / 64) + 1);
    }
    CHECK(histogram->quantile(1) == Nanos(values.back()));
    CHECK(histogram->max() == Nanos(values.back()));
    CHECK(histogram->count() == values.size());
  }
}

TEST_CASE("values out of range count as the nearest in range") {
  const auto histogram = std::make_unique<Histogram>();
  histogram->add(-5ns);
  CHECK(histogram->quantile(1) == 0ns);
  histogram->add(Nanos::max());
  CHECK(histogram->quantile(1) == Nanos::max());
  CHECK(histogram->quantile(-1) == 0ns);
  CHECK(histogram->quantile(2) == Nanos::max());
}

TEST_CASE("merging two histograms is adding all values to one") {
  Random random(9);
  const auto left = std::make_unique<Histogram>(), right = std::make_unique<Histogram>(),
             both = std::make_unique<Histogram>();
  for (int i = 0; i < 2000; ++i) {
    const Nanos value(random.between(0, 1'000'000'000));
    (i % 3 ? left : right)->add(value);
    both->add(value);
  }
  left->merge(*right);
  CHECK(left->count() == both->count());
  CHECK(left->max() == both->max());
  for (double q : {0.1, 0.5, 0.9, 0.999}) CHECK(left->quantile(q) == both->quantile(q));
}

}  // namespace
}  // namespace shaketable
