#include "workloads/keys.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace shaketable;

namespace {

std::vector<double> shares(KeyPicker picker, std::size_t n) {
  constexpr int kDraws = 40'000;
  Random random(3);
  std::vector<double> counts(n);
  for (int i = 0; i < kDraws; ++i) counts.at(picker.pick(random, n)) += 1.0 / kDraws;
  return counts;
}

}  // namespace

TEST_CASE("keys are drawn with the frequencies that the distribution says") {
  for (const double share : shares(KeyPicker(), 10)) CHECK(std::abs(share - 0.1) < 0.01);
  const std::vector<double> zipf = shares(KeyPicker("zipf", 1), 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(zipf[i] - 12.0 / 25 / static_cast<double>(i + 1)) < 0.01);
  const std::vector<double> exponential = shares(KeyPicker("exponential", std::log(2)), 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(exponential[i] - 4.0 / 7 / static_cast<double>(1 << i)) < 0.01);
  const std::vector<double> hotspot = shares(KeyPicker("hotspot", 0.7), 20);
  CHECK(std::abs(hotspot[0] + hotspot[1] - 0.7) < 0.01);
  CHECK(std::abs(hotspot[19] - 0.3 / 18) < 0.005);
}

TEST_CASE("a picker serves any number of keys in turn") {
  Random random(1);
  for (const char* distribution : {"uniform", "zipf", "exponential", "hotspot"}) {
    KeyPicker picker(distribution, 0.9);
    for (const std::size_t n : {1, 2, 100, 3, 1})
      for (int i = 0; i < 50; ++i) REQUIRE(picker.pick(random, n) < n);
  }
}

TEST_CASE("values have the length that is asked for and stay different") {
  CHECK(sized_value(7, 0) == Value(7));
  CHECK(sized_value(7, 4) == Value("7:xx"));
  CHECK(sized_value(12345, 3) == Value("12345"));
  CHECK_FALSE(sized_value(1, 10) == sized_value(11, 10));
}
