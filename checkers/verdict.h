#pragma once
// What every checker answers with, and the bounds it works in. Checkers are pure: no I/O, no clocks, no threads of
// their own unless handed a pool.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "history/value.h"

namespace shaketable {

enum class Validity { valid, invalid, unknown };

std::string_view to_string(
    Validity validity);  // "valid", "INVALID", "unknown" are for people; JSON has true, false, "unknown"

struct Anomaly {
  std::string text;  // one finding in words, possibly several lines
  Value details;     // the same as data (maps, lists): what --json prints and the report draws
};

struct Verdict {
  std::string checker;  // "linearizable", "list-append"
  Validity valid = Validity::unknown;
  std::int64_t operations = 0;                            // operations judged (invocations, or transactions)
  std::map<std::string, std::vector<Anomaly>> anomalies;  // by name: "nonlinearizable", "G-single-item", "lost-update"
  std::vector<std::string> not_models, also_not;          // consistency models ruled out: weakest, and all above
  std::string reason;                                     // why unknown or invalid, one sentence; empty when valid
  std::string explanation;                                // for people; several lines
  Value details;                                          // checker-specific data, for --json and the report
};

// The worst of several: invalid, then unknown, then valid.
Validity worst(Validity a, Validity b);

// Bounds of one check. A checker asks spent() inside its loops, at least every few thousand steps, and answers
// `unknown` when it says true. Any thread.
class Budget {
 public:
  Budget() = default;  // boundless
  Budget(std::function<bool()> time_is_up, std::uint64_t memory_bytes)
      : time_is_up_(std::move(time_is_up)), memory_bytes_(memory_bytes) {}
  bool time_spent() const { return time_is_up_ && time_is_up_(); }
  std::uint64_t memory_bytes() const { return memory_bytes_; }  // for the checker's own working memory

 private:
  std::function<bool()> time_is_up_;
  std::uint64_t memory_bytes_ = UINT64_MAX;
};

// A pool that a caller may lend. run() calls work(i) for i in [0, count) on several threads and returns when all are
// done.
class Pool {
 public:
  virtual ~Pool() = default;
  virtual std::size_t threads() const = 0;
  virtual void run(std::size_t count, const std::function<void(std::size_t)>& work) = 0;
};

}  // namespace shaketable
