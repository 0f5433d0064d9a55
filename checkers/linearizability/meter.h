#pragma once
// What a search has used, against the budget of the whole check.

#include <atomic>
#include <cstdint>

#include "checkers/verdict.h"

namespace shaketable::linearizability {

// Shared by all searches of one check. Any thread.
class Ledger {
 public:
  explicit Ledger(const Budget& budget) : budget_(budget) {}
  bool time_spent() const {
    if (time_spent_.load(std::memory_order_relaxed)) return true;
    if (!budget_.time_spent()) return false;
    time_spent_.store(true, std::memory_order_relaxed);
    return true;
  }
  std::uint64_t limit() const { return budget_.memory_bytes(); }
  // Replaces what one search had reported before; false when all together hold more than the limit.
  bool account(std::uint64_t before, std::uint64_t now) {
    return used_.fetch_add(now - before, std::memory_order_relaxed) + (now - before) <= limit();
  }

 private:
  const Budget& budget_;
  std::atomic<std::uint64_t> used_{0};
  mutable std::atomic<bool> time_spent_{false};
};

enum class Outcome {
  running,  // the quota is used up; go on with the next call
  valid,
  invalid,
  out_of_time,
  out_of_memory,
  too_wide,  // more operations open at once than the search has room for
};

// One search's share.
class Meter {
 public:
  explicit Meter(Ledger& ledger) : ledger_(ledger) {}
  ~Meter() { ledger_.account(bytes_, 0); }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  // Reports the bytes held now. `running` unless a bound is passed.
  Outcome check(std::uint64_t bytes) {
    const bool fits = ledger_.account(bytes_, bytes);
    bytes_ = bytes;
    if (!fits) return Outcome::out_of_memory;
    return ledger_.time_spent() ? Outcome::out_of_time : Outcome::running;
  }
  std::uint64_t limit() const { return ledger_.limit(); }

 private:
  Ledger& ledger_;
  std::uint64_t bytes_ = 0;
};

}  // namespace shaketable::linearizability
