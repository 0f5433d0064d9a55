#include "base/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace shaketable {

std::size_t Histogram::slot(std::uint64_t value) {
  if (value < (1u << kSubBits)) return value;
  const int exponent = std::bit_width(value) - 1 - kSubBits;  // how many low bits are given up
  return (static_cast<std::size_t>(exponent + 1) << kSubBits) + ((value >> exponent) & ((1u << kSubBits) - 1));
}

std::uint64_t Histogram::upper_bound(std::size_t slot) {
  const std::size_t block = slot >> kSubBits, step = slot & ((1u << kSubBits) - 1);
  if (block == 0) return step;
  const int exponent = static_cast<int>(block) - 1;
  return ((static_cast<std::uint64_t>((1u << kSubBits) + step) + 1) << exponent) - 1;
}

void Histogram::add(Nanos value) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(0, value.count()));
  ++counts_[slot(ns)];
  ++count_;
  max_ = std::max(max_, ns);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Nanos Histogram::quantile(double q) const {
  if (count_ == 0) return Nanos(0);
  const auto wanted = static_cast<std::uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= std::max<std::uint64_t>(1, wanted)) return Nanos(std::min(upper_bound(i), max_));
  }
  return Nanos(max_);
}

}  // namespace shaketable
