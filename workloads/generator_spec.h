#pragma once
// Generators as data: what a plan composes (docs/generators.md), and how it becomes a generator. The same seed draws
// the same operations as the C++ it stands for.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
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
    variable,     // what was drawn as `name`; items, if any: what to draw when nothing was
    one_of,       // one of `items`, evenly
    some_of,      // low to high of the list that its item is (high 0: all), in random order
    list_of,      // its item drawn low to high times, as a list
    for_each,     // a list: the second item for each one of the list that the first is, which it knows as `name`
    range,        // a list: high numbers from its item on
    sum,          // of the items; nil if one is no whole number
    product,      // the same
    duration,     // low to high nanoseconds
    checksummed,  // a text of `high` bytes behind its sum (checksummed_text)
  };
  Kind kind = Kind::literal;
  Value literal;
  std::vector<Value> keys;
  std::vector<ValueSpec> items;
  std::int64_t low = 0, high = 0;
  std::string name, as, except;  // as: others may ask for this one by this name
  bool any_worker = false;       // variable: of one of the workers that have one, evenly
  bool distinct = false;         // list_of: what was drawn before is left out
  std::string distribution = "uniform";
  double skew = 0.9;
  bool either_sign = false;  // between: negative by an even chance
  std::uint64_t bytes = 0;   // next, recent: a text that begins with the number (sized_value)
};

// True if it may be another one each time: something is drawn, or counted on.
bool draws(const ValueSpec& spec);
// True if it asks for what others have named.
bool refers(const ValueSpec& spec);
// The value of one that neither draws nor refers.
Value constant(const ValueSpec& spec);

// Counters and names are the whole generator's, but for `per_key`, where each key has its own, and `each_worker`, where
// each worker has names of its own. Both see the names outside.
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
    shuffle,
    let,
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
    until,
    retry,
    per_key,
    every_key,
    transactions,
  };
  Kind kind = Kind::operation;
  std::string f;     // operation, every_key
  ValueSpec value;   // the same; until_answer: a constant; delay, sleep: nanoseconds
  std::string name;  // operation: its answer's; per_key: the key's, and operations are no tuples
  std::vector<std::pair<std::string, ValueSpec>> names;  // let, drawn in order
  std::vector<Ending> endings;                           // until
  std::vector<GeneratorSpec> parts;   // one for those that hold one; reserve: the last is the rest if has_rest
  std::vector<double> weights;        // mix
  std::vector<std::uint64_t> counts;  // reserve: workers of each group; shuffle: operations of each part
  bool has_rest = false;
  std::uint64_t count = 0;  // limit, cycle, process_limit, concurrency_limit, until_answer, per_key: operations;
                            // every_key, retry: attempts
  std::uint64_t keys = 0;   // per_key; every_key: at once; until_answer: troubles
  Nanos time{0};
  std::string distribution = "uniform";
  double skew = 0.9;
  TransactionOptions transactions;
};

// `keys` counts the keys of per_key and transactions, and says to every_key which there were: hand the same to the
// final generator.
GeneratorPtr make_generator(std::shared_ptr<const GeneratorSpec> spec, std::shared_ptr<KeyCount> keys);

}  // namespace shaketable
