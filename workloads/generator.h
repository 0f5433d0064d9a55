#pragma once
// What the load does next: small generators that are put together. The interpreter asks one generator, under one lock
// and with one stream of random numbers, whenever a worker is free: so the n-th invocation of a run is decided by the
// seed and n alone, as long as generators do not look at the worker or at completions; which worker gets it is decided
// by the threads. Terms as in jepsen.generator.

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "history/operation.h"
#include "workloads/keys.h"

namespace shaketable {

struct Invocation {
  Name f;
  Value value;
  friend bool operator==(const Invocation&, const Invocation&) = default;
};

struct Context {
  Nanos now{0};            // on the run's clock
  std::size_t worker = 0;  // who asks
  std::size_t workers = 1;
  std::size_t in_flight = 0;  // operations handed out and not completed, over all workers
  Random& random;
};

inline constexpr Nanos kNever = Nanos(std::numeric_limits<std::int64_t>::max());

// A generator's answer.
struct Turn {
  enum class Kind {
    operation,  // `invocation`, not before `at`
    wait,       // nothing for this worker now: ask again at `at`, or after the next completion if that is sooner
    exhausted,  // nothing for this worker ever again
  };
  Kind kind = Kind::exhausted;
  Invocation invocation;
  Nanos at{0};

  static Turn operation(Invocation invocation, Nanos at = Nanos(0)) {
    return {Kind::operation, std::move(invocation), at};
  }
  static Turn wait(Nanos until = kNever) { return {Kind::wait, {}, until}; }
  static Turn exhausted() { return {}; }
};

// One thread at a time.
class Generator {
 public:
  virtual ~Generator() = default;
  virtual Turn next(Context& context) = 0;
  // Every operation it handed out is told to it once, also those that the load dropped because it was stopped (as
  // fail). Only called when wants_completions() said true at the start of the load.
  virtual void completed(Context& /*context*/, const Invocation& /*invocation*/, OpType /*type*/,
                         const Value& /*value*/) {}
  virtual bool wants_completions() const { return false; }
};

using GeneratorPtr = std::unique_ptr<Generator>;

// What `make` says, for ever.
GeneratorPtr repeat(std::function<Invocation(Context&)> make);
// These, in order.
GeneratorPtr sequence(std::vector<Invocation> invocations);
// At most `operations` of `inner`.
GeneratorPtr limit(std::uint64_t operations, GeneratorPtr inner);
// Ends `duration` after the first question. Operations that were planned for later are dropped.
GeneratorPtr time_limit(Nanos duration, GeneratorPtr inner);
// `per_second` operations over all workers, at random distances between none and twice the mean (jepsen's stagger).
// When the workers are too slow it does not run after what it missed, but for a tenth of a second.
GeneratorPtr stagger(double per_second, GeneratorPtr inner);
// One of several at random by weight. One that is exhausted is drawn no more. Weights of 0 are left out.
GeneratorPtr mix(std::vector<std::pair<double, GeneratorPtr>> choices);
// One after the other; between two, every operation in flight completes first.
GeneratorPtr phases(std::vector<GeneratorPtr> parts);
// A generator of its own for each worker, with a random stream of its own.
GeneratorPtr each_worker(std::function<GeneratorPtr(std::size_t worker)> make);
// Each of these until it is ok, at most `attempts` times each, with `pause` before the next attempt. For final reads.
// `list` is asked when the first worker asks.
GeneratorPtr until_ok(std::function<std::vector<Invocation>()> list, int attempts, Nanos pause);

// How many keys there were so far: 0 … used - 1.
struct KeyCount {
  std::int64_t used = 0;
};
// Lifts generators of single objects to [key value] operations (jepsen.independent): `active` keys at once, each
// operation on one of them as `picker` draws it, `operations_per_key` on each, then a new key in its place. `count` is
// shared with whoever wants to know which keys there were.
GeneratorPtr per_key(std::size_t active, std::uint64_t operations_per_key,
                     std::function<GeneratorPtr(std::int64_t key)> make, std::shared_ptr<KeyCount> count,
                     KeyPicker picker = {});

}  // namespace shaketable
