#pragma once
// Generators as data: what a plan composes (docs/generators.md), and how it becomes a generator. The same seed draws
// the same operations as the C++ it stands for.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/parameters.h"
#include "history/value.h"
#include "workloads/generator.h"
#include "workloads/transactions.h"

namespace shaketable {

// A value, drawn anew for each operation.
struct ValueSpec {
  enum class Kind {
    literal,      // `literal`
    list,         // of `items`, drawn in order
    map,          // `keys` to `items`, drawn in order
    below,        // a number from 0 to high - 1, as `distribution` has it, and not the one called `except`
    between,      // a number from low to high
    next,         // the counter `name` goes on: low, low + 1, …
    recent,       // one of the last `high` numbers of the counter, or nil if there were not so many
    variable,     // what was drawn as `name`
    one_of,       // one of `items`, evenly
    checksummed,  // a text of `high` bytes behind its sum (checksummed_text)
  };
  Kind kind = Kind::literal;
  Value literal;
  std::vector<Value> keys;
  std::vector<ValueSpec> items;
  std::int64_t low = 0, high = 0;
  std::string name, as, except;  // as: others may ask for this one by this name
  std::string distribution = "uniform";
  double skew = 0.9;
  bool either_sign = false;  // between: negative by an even chance
  std::uint64_t bytes = 0;   // next, recent: a text that begins with the number (sized_value)
};

// Counters and names are the whole generator's, but for `per_key`, where each key has its own, and `each_worker`, where
// each worker has names of its own.
struct GeneratorSpec {
  enum class Kind {
    operation,
    mix,
    any,
    flip_flop,
    phases,
    chain,
    synchronize,
    cycle,
    limit,
    time_limit,
    stagger,
    delay,
    sleep,
    each_worker,
    reserve,
    process_limit,
    concurrency_limit,
    until_ok,
    until_answer,
    per_key,
    every_key,
    transactions,
  };
  Kind kind = Kind::operation;
  std::string f;                      // operation, every_key
  ValueSpec value;                    // the same; until_answer: a literal
  std::vector<GeneratorSpec> parts;   // one for those that hold one; reserve: the last is the rest if has_rest
  std::vector<double> weights;        // mix
  std::vector<std::uint64_t> counts;  // reserve: workers of each group
  bool has_rest = false;
  std::uint64_t count = 0;  // limit, cycle, process_limit, concurrency_limit, until_answer, per_key: operations;
                            // every_key: attempts
  std::uint64_t keys = 0;   // per_key; until_answer: troubles
  DurationRange time;       // both the same but for sleep
  std::string distribution = "uniform";
  double skew = 0.9;
  TransactionOptions transactions;
};

// `keys` counts the keys of per_key and transactions, and says to every_key which there were: hand the same to the
// final generator.
GeneratorPtr make_generator(std::shared_ptr<const GeneratorSpec> spec, std::shared_ptr<KeyCount> keys);

}  // namespace shaketable
