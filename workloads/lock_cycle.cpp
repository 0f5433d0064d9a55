#include "workloads/lock_cycle.h"

#include "workloads/interfaces.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

const Name kAcquire("acquire"), kRelease("release"), kUse("use");

// What one worker has from an acquire to its release.
struct Hold {
  Value lock, token;
  Nanos step{0};  // from the grant to the first use, and from there to each next thing
};

template <class... Part>
GeneratorPtr in_turn(Part... part) {
  std::vector<GeneratorPtr> parts;
  (parts.push_back(std::move(part)), ...);
  return chain(std::move(parts));
}

GeneratorPtr one_hold(const LockCycle& options) {
  const auto hold = std::make_shared<Hold>();
  GeneratorPtr acquire = until_first_ok(
      answers([hold](const Value& token) { hold->token = token; }, repeat([hold, options](Context& context) {
                hold->lock = static_cast<std::int64_t>(context.random.below(static_cast<std::uint64_t>(options.locks)));
                return Invocation{kAcquire, hold->lock};
              })),
      options.retry);
  // Who was refused knows that the lock is another's by now, and gives it up.
  GeneratorPtr uses =
      until({{.types = {OpType::fail}}}, limit(static_cast<std::uint64_t>(options.uses), repeat([hold](Context&) {
                                                 return Invocation{kUse, Value::list({hold->lock, hold->token})};
                                               })));
  GeneratorPtr release = limit(1, repeat([hold](Context&) { return Invocation{kRelease, hold->lock}; }));
  const DrawTime step = [hold](Context&) { return hold->step; };
  const DurationRange steps{options.hold.low / (options.uses + 1), options.hold.high / (options.uses + 1)};
  return in_turn(std::move(acquire),
                 // The process that held it may be gone, and the lock is its.
                 until({{.types = {OpType::info}}},
                       let([hold, draw = drawn_from(steps)](Context& context) { hold->step = draw(context); },
                           in_turn(sleep_for(step), delay(step, in_turn(std::move(uses), std::move(release)))))));
}

}  // namespace

std::vector<ParameterSpec> lock_parameters() {
  std::vector<ParameterSpec> parameters = find_interface("lock")->parameters;
  parameters.push_back(spec::duration_range("hold", "how long a lock is held, drawn anew each time",
                                            {Nanos(0), std::chrono::milliseconds(20)}));
  parameters.push_back(spec::duration("retry", "how long a worker waits after an acquire that was not granted",
                                      std::chrono::milliseconds(5)));
  return parameters;
}

LockCycle lock_cycle_of(const Parameters& parameters) {
  return {parameters.integer("locks"), parameters.range("hold"), parameters.duration("retry"), 0};
}

GeneratorPtr lock_cycle(LockCycle options) {
  return each_worker([options](std::size_t) { return cycle([options] { return one_hold(options); }); });
}

}  // namespace shaketable
