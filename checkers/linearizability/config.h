#pragma once
// A configuration of the search: where one partial linearization stands. It says nothing about operations that are
// over, so its size does not grow with the history.

#include <cstdint>
#include <vector>

#include "checkers/linearizability/bits.h"

namespace shaketable::linearizability {

// `owed`: open operations that must still be linearized before they complete.
// `may`: open operations that can still be linearized and then change the state. Calls that change no state
// (Model::pure) are only ever owed.
//
// An operation in `may` but not in `owed` is optional: a crashed one, or one that could have been linearized without a
// trace. A configuration with optional operations stands for all choices of them at once: whichever subset of them has
// taken effect before, the state is the same. So of two configurations in one state, the one with fewer owed and more
// optional operations can do everything the other can (dominance).
template <int W>
struct Config {
  Bits<W> owed, may;
  std::int32_t state = 0;

  bool dominates(const Config& other) const {
    return state == other.state && owed.within(other.owed) && other.may.within(may);
  }
  std::uint64_t hash() const {
    std::uint64_t h = static_cast<std::uint64_t>(state) * 0x9e3779b97f4a7c15ull;
    for (int i = 0; i < W; ++i) {
      h = (h ^ owed.words[i]) * 0xff51afd7ed558ccdull;
      h ^= h >> 32;
      h = (h ^ may.words[i]) * 0xc4ceb9fe1a85ec53ull;
      h ^= h >> 29;
    }
    return h;
  }
  friend bool operator==(const Config&, const Config&) = default;
  friend auto operator<=>(const Config&, const Config&) = default;
};

// A sequence in blocks: it grows without being copied, so that no more memory is ever held than bytes() says.
template <class T>
class Blocks {
 public:
  std::size_t size() const { return size_; }
  const T& operator[](std::size_t i) const { return blocks_[i >> kShift][i & (kBlock - 1)]; }
  void push_back(const T& item) {
    if (size_ == blocks_.size() << kShift) {
      blocks_.emplace_back();
      if (size_ > 0) blocks_.back().reserve(kBlock);
    }
    blocks_[size_ >> kShift].push_back(item);
    ++size_;
  }
  // Keeps the first block.
  void clear() {
    if (blocks_.size() > 1) blocks_.resize(1);
    if (!blocks_.empty()) blocks_[0].clear();
    size_ = 0;
  }
  std::size_t bytes() const { return (blocks_.size() << kShift) * sizeof(T); }

 private:
  static constexpr int kShift = 10;
  static constexpr std::size_t kBlock = std::size_t{1} << kShift;
  std::vector<std::vector<T>> blocks_;
  std::size_t size_ = 0;
};

// A hash set for trivially copyable keys that is cheap to clear and small when it holds little.
template <class Key>
class FlatSet {
 public:
  // False when it was there already.
  bool insert(const Key& key) {
    if (keys_.size() < kScan) {
      for (std::size_t i = 0; i < keys_.size(); ++i)
        if (keys_[i] == key) return false;
      keys_.push_back(key);
      return true;
    }
    if (table_.size() < 2 * (keys_.size() + 1)) grow();
    for (std::size_t i = key.hash() & mask();; i = (i + 1) & mask()) {
      if (table_[i] == 0) {
        keys_.push_back(key);
        table_[i] = static_cast<std::uint32_t>(keys_.size());
        return true;
      }
      if (keys_[table_[i] - 1] == key) return false;
    }
  }
  void clear() {
    keys_.clear();
    table_.clear();
    if (table_.capacity() > kKeep) table_.shrink_to_fit();
  }
  std::size_t size() const { return keys_.size(); }
  std::size_t bytes() const { return keys_.bytes() + 3 * table_.capacity() * sizeof(std::uint32_t); }

 private:
  static constexpr std::size_t kScan = 24, kKeep = 4096;

  std::size_t mask() const { return table_.size() - 1; }
  void grow() {
    table_.assign(std::bit_ceil(3 * (keys_.size() + 1)), 0);
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      std::size_t i = keys_[k].hash() & mask();
      while (table_[i]) i = (i + 1) & mask();
      table_[i] = static_cast<std::uint32_t>(k + 1);
    }
  }

  Blocks<Key> keys_;
  std::vector<std::uint32_t> table_;  // index + 1 into keys_, 0: free
};

}  // namespace shaketable::linearizability
