#pragma once
// What the load does next: small generators that are put together. The interpreter asks one generator, under one lock
// and with one stream of random numbers, whenever a worker is free: so the n-th invocation of a run is decided by the
// seed and n alone, as long as generators do not look at the worker or at completions; which worker gets it is decided
// by the threads. Terms as in jepsen.generator.

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
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
  std::int64_t process = 0;  // as whom the worker would do it
};

inline constexpr Nanos kNotDue = Nanos(-1);
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
  Nanos due = kNotDue;  // open load: when it was to begin, whatever the system does. Latency counts from here

  static Turn operation(Invocation invocation, Nanos at = Nanos(0)) {
    return {Kind::operation, std::move(invocation), at, kNotDue};
  }
  static Turn wait(Nanos until = kNever) { return {Kind::wait, {}, until, kNotDue}; }
  static Turn exhausted() { return {}; }
};

// One thread at a time.
class Generator {
 public:
  virtual ~Generator() = default;
  virtual Turn next(Context& context) = 0;
  // Every operation it handed out is told to it once, also those that the load dropped because it was stopped (as
  // fail), with the worker that had it. Only called when wants_completions() said true at the start of the load.
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
// A length of time that is drawn when it is first needed. Below nothing counts as nothing.
using DrawTime = std::function<Nanos(Context&)>;
DrawTime drawn_from(DurationRange range);
// `every` apart, from the first on; what was missed is caught up with.
GeneratorPtr delay(Nanos every, GeneratorPtr inner);
GeneratorPtr delay(DrawTime every, GeneratorPtr inner);
// Nothing for so long from the first question on; then it is over.
GeneratorPtr sleep_for(DurationRange range);
GeneratorPtr sleep_for(DrawTime length);

// Open load: operations are due at times fixed beforehand, whatever the system does with those before them (Schroeder,
// Wierman & Harchol-Balter, "Open versus closed", NSDI 2006). An operation that no worker was free for waits; when more
// than `backlog` wait, the one that has waited longest is dropped, and counted.
struct ArrivalRate {
  Nanos lasts = kNever;
  double per_second = 1;
};
struct ArrivalOptions {
  std::vector<ArrivalRate> rates;  // one after the other; the last stays. Not empty
  bool poisson = false;            // exponential distances, in place of even ones
  std::size_t backlog = 1000;
};
struct ArrivalCounters {  // any thread may read
  std::atomic<std::uint64_t> handed_out{0}, dropped{0}, most_waiting{0};
};
GeneratorPtr arrivals(ArrivalOptions options, GeneratorPtr inner, std::shared_ptr<ArrivalCounters> counters);

// The soonest operation of all; over when all are. An operation may be handed to another worker than the one that asked
// for it, so parts that look at the worker do not belong here.
GeneratorPtr any(std::vector<GeneratorPtr> parts);
// One of each in turn; over when the one whose turn it is is.
GeneratorPtr flip_flop(std::vector<GeneratorPtr> parts);
// One after the other; between two, every operation in flight completes first.
GeneratorPtr phases(std::vector<GeneratorPtr> parts);
// One after the other, without waiting.
GeneratorPtr chain(std::vector<GeneratorPtr> parts);
// Waits until nothing is in flight, once.
GeneratorPtr synchronize(GeneratorPtr inner);
// A new one each time the last is over, so many times; 0: for ever.
GeneratorPtr cycle(std::function<GeneratorPtr()> make, std::uint64_t times = 0);
// So many operations of each, in random order: every order of them all is as likely as any other.
GeneratorPtr shuffle(std::vector<std::pair<std::uint64_t, GeneratorPtr>> parts);
// `draw` is called once, when the first operation is asked for: what `inner` is going to use.
GeneratorPtr let(std::function<void(Context&)> draw, GeneratorPtr inner);

// A generator of its own for each worker, with a random stream of its own.
GeneratorPtr each_worker(std::function<GeneratorPtr(std::size_t worker)> make);
// The first so many workers for the first group, and so on; the others for `rest` (null: they have nothing to do). To a
// group's generator its workers are all there are.
GeneratorPtr reserve(std::vector<std::pair<std::size_t, GeneratorPtr>> groups, GeneratorPtr rest);
// Over for every process after the first so many that got an operation.
GeneratorPtr process_limit(std::size_t processes, GeneratorPtr inner);
// At most so many of its operations in flight.
GeneratorPtr concurrency_limit(std::size_t operations, GeneratorPtr inner);

// Each of these until it is ok, at most `attempts` times each, with `pause` before the next attempt. For final reads.
// `list` is asked when the first worker asks.
GeneratorPtr until_ok(std::function<std::vector<Invocation>()> list, int attempts, Nanos pause);
// Until the first of its operations is ok, with `pause` after each that is not.
GeneratorPtr until_first_ok(GeneratorPtr inner, Nanos pause);
// Until this many of its operations were ok with this answer, or `troubles` in a row were not ok.
GeneratorPtr until_answer(Value answer, int times, int troubles, GeneratorPtr inner);
// How an operation ended. What is left empty says nothing.
struct Ending {
  std::vector<Name> functions = {};
  std::vector<OpType> types = {};
  std::optional<Value> answer = {};
  int in_a_row = 1;  // so many one after another; operations of other functions do not count between them
};
// Until operations ended in one of these ways.
GeneratorPtr until(std::vector<Ending> endings, GeneratorPtr inner);
// An operation that ended as `info` is asked for again before anything new, by whichever worker asks first, at most
// `attempts` times in all. Over when `inner` is and nothing of its is in flight.
GeneratorPtr retry(int attempts, GeneratorPtr inner);
// `take` is told the answer of each operation that was ok.
GeneratorPtr answers(std::function<void(const Value&)> take, GeneratorPtr inner);

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
// The same, but operations stay as the generator of the key makes them.
GeneratorPtr on_keys(std::size_t active, std::uint64_t operations_per_key,
                     std::function<GeneratorPtr(std::int64_t key)> make, std::shared_ptr<KeyCount> count,
                     KeyPicker picker = {});

}  // namespace shaketable
