#pragma once
// Latencies in constant memory: a log-linear histogram (as HdrHistogram has it), relative error at most 1/64.

#include <array>
#include <cstdint>

#include "base/clock.h"

namespace shaketable {

// One thread writes; merge several by merge().
class Histogram {
 public:
  void add(Nanos value);
  void merge(const Histogram& other);
  std::uint64_t count() const { return count_; }
  Nanos quantile(double q) const;  // q in [0, 1]; 0 when empty; never above max()
  Nanos max() const { return Nanos(max_); }

 private:
  static constexpr int kSubBits = 6;  // 64 steps to each power of two
  static std::size_t slot(std::uint64_t value);
  static std::uint64_t upper_bound(std::size_t slot);
  std::array<std::uint64_t, (64 - kSubBits + 1) << kSubBits> counts_{};
  std::uint64_t count_ = 0, max_ = 0;
};

}  // namespace shaketable
