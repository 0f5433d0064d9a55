#pragma once
// A set of slots: a fixed number of 64-bit words.

#include <array>
#include <bit>
#include <cstdint>

namespace shaketable::linearizability {

template <int W>
struct Bits {
  std::array<std::uint64_t, W> words{};

  void set(int i) { words[i >> 6] |= 1ull << (i & 63); }
  void clear(int i) { words[i >> 6] &= ~(1ull << (i & 63)); }
  bool has(int i) const { return words[i >> 6] >> (i & 63) & 1; }
  bool meets(const Bits& other) const {
    for (int i = 0; i < W; ++i)
      if (words[i] & other.words[i]) return true;
    return false;
  }
  bool empty() const {
    for (int i = 0; i < W; ++i)
      if (words[i]) return false;
    return true;
  }
  void remove(const Bits& other) {
    for (int i = 0; i < W; ++i) words[i] &= ~other.words[i];
  }
  bool within(const Bits& other) const {
    for (int i = 0; i < W; ++i)
      if (words[i] & ~other.words[i]) return false;
    return true;
  }
  int count() const {
    int n = 0;
    for (int i = 0; i < W; ++i) n += std::popcount(words[i]);
    return n;
  }
  // visit(i) for every member, ascending. The set may lose members meanwhile.
  template <class Visit>
  void each(Visit&& visit) const {
    for (int i = 0; i < W; ++i)
      for (std::uint64_t word = words[i]; word; word &= word - 1) visit(i * 64 + std::countr_zero(word));
  }
  friend bool operator==(const Bits&, const Bits&) = default;
  friend auto operator<=>(const Bits&, const Bits&) = default;
};

}  // namespace shaketable::linearizability
