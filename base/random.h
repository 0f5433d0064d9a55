#pragma once
// Seeded randomness. The same seed gives the same numbers on every machine and with every compiler, which
// std::uniform_int_distribution does not promise. xoshiro256** (Blackman & Vigna 2018), seeded by splitmix64.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace shaketable {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  // An independent stream named by its use ("nemesis", "worker 3"): what one part draws never shifts another's numbers.
  Random fork(std::string_view name) const;

  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound);                   // uniform in [0, bound); bound > 0
  std::int64_t between(std::int64_t low, std::int64_t high);  // uniform in [low, high]
  double uniform();                                           // uniform in [0, 1)
  double exponential(double mean);
  bool chance(double probability) { return uniform() < probability; }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  template <class T>
  const T& pick(const std::vector<T>& items) {
    return items[below(items.size())];
  }

  // A seed nobody chose, from the kernel; for runs that name none.
  static std::uint64_t fresh_seed();

 private:
  std::uint64_t seed_;
  std::array<std::uint64_t, 4> state_;
};

}  // namespace shaketable
