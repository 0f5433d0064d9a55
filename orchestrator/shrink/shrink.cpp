#include "orchestrator/shrink/shrink.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/duration.h"
#include "base/text.h"
#include "orchestrator/shrink/ddmin.h"

namespace shaketable {
namespace {

constexpr std::int64_t kStepNs = 100'000'000;  // times are made smaller in steps of this

std::int64_t in_steps(Nanos time) {
  return (time.count() + kStepNs - 1) / kStepNs;
}

Nanos time_of(std::int64_t steps) {
  return Nanos(steps * kStepNs);
}

Nanos last_end(const Candidate& candidate) {
  Nanos end{0};
  for (const ShrinkFault& fault : candidate.faults) end = std::max(end, fault.at + fault.lasts);
  return end;
}

// Names the nodes that a fault is for; false: it takes none.
bool aim(ShrinkFault& fault, const std::vector<std::string>& nodes) {
  if (fault.fault == "partition") {
    const std::vector<std::string>& shapes = fault.options.texts("shape");
    if (shapes.size() != 1 || (shapes.front() != "isolate" && shapes.front() != "clients")) return false;
  }
  if (!fault.options.has("target")) return false;
  fault.options.set("target", nodes);
  fault.targets = nodes;
  return true;
}

class Shrinker {
 public:
  Shrinker(Candidate start, const ShrinkSteps& steps, const CandidateOracle& shows)
      : best_(std::move(start)), steps_(steps), shows_(shows) {}

  Result<Candidate> run() {
    if (steps_.faults)
      if (const auto done = faults(); !done) return Failure(done.error());
    if (steps_.targets)
      for (std::size_t i = 0; i < best_.faults.size(); ++i)
        if (const auto done = targets(i); !done) return Failure(done.error());
    if (steps_.durations)
      if (const auto done = durations(); !done) return Failure(done.error());
    if (steps_.load)
      if (const auto done = load(); !done) return Failure(done.error());
    return best_;
  }

 private:
  Result<bool> keeps(Candidate candidate, const std::string& what) {
    const auto answer = shows_(candidate, what);
    if (answer && *answer) best_ = std::move(candidate);
    return answer;
  }

  Result<void> faults() {
    const Candidate start = best_;
    const auto kept = ddmin(start.faults.size(), [&](const std::vector<std::size_t>& subset) -> Result<bool> {
      Candidate candidate = start;
      candidate.faults.clear();
      std::vector<std::string> names;
      for (const std::size_t i : subset) {
        candidate.faults.push_back(start.faults[i]);
        names.push_back(fmt::format("{} {}", start.faults[i].fault, i + 1));
      }
      return keeps(std::move(candidate), names.empty() ? "no fault" : "only " + join(names));
    });
    if (!kept) return Failure(kept.error());
    return {};
  }

  Result<void> targets(std::size_t i) {
    const ShrinkFault start = best_.faults[i];
    if (start.targets.size() < 2) return {};
    const auto kept = ddmin(start.targets.size(), [&](const std::vector<std::size_t>& subset) -> Result<bool> {
      if (subset.empty()) return false;  // without a target it is no fault, and that was tried
      Candidate candidate = best_;
      std::vector<std::string> nodes;
      for (const std::size_t t : subset) nodes.push_back(start.targets[t]);
      candidate.faults[i] = start;
      if (!aim(candidate.faults[i], nodes)) return false;
      return keeps(std::move(candidate), fmt::format("{} {} on {}", start.fault, i + 1, join(nodes)));
    });
    if (!kept) return Failure(kept.error());
    return {};
  }

  template <class Change>
  Result<void> number(std::int64_t low, std::int64_t high, const Change& change) {
    const auto least = smallest(low, high, steps_.resolution, [&](std::int64_t value) -> Result<bool> {
      Candidate candidate = best_;
      const std::string what = change(candidate, value);
      return keeps(std::move(candidate), what);
    });
    if (!least) return Failure(least.error());
    return {};
  }

  // The end of the load first: every later question is then answered sooner.
  Result<void> durations() {
    if (const auto done = end_of_load(); !done) return done;
    for (std::size_t i = 0; i < best_.faults.size(); ++i) {
      const auto shorter = number(1, in_steps(best_.faults[i].lasts), [&](Candidate& candidate, std::int64_t steps) {
        ShrinkFault& fault = candidate.faults[i];
        // What came so long after its end still does.
        const Nanos saved = fault.lasts - time_of(steps);
        for (std::size_t later = i + 1; later < candidate.faults.size(); ++later)
          if (candidate.faults[later].at >= fault.at + fault.lasts) candidate.faults[later].at -= saved;
        const bool last = fault.at + fault.lasts >= last_end(candidate);
        fault.lasts = time_of(steps);
        if (last) candidate.time_limit -= saved;
        return fmt::format("{} {} for {}", fault.fault, i + 1, format_duration(fault.lasts));
      });
      if (!shorter) return shorter;
      const Nanos before = i == 0 ? Nanos(0) : best_.faults[i - 1].at;
      const auto sooner =
          number(0, in_steps(best_.faults[i].at - before), [&](Candidate& candidate, std::int64_t steps) {
            const Nanos saved = candidate.faults[i].at - before - time_of(steps);
            for (std::size_t later = i; later < candidate.faults.size(); ++later) candidate.faults[later].at -= saved;
            candidate.time_limit -= saved;
            return fmt::format("{} {} at {}", candidate.faults[i].fault, i + 1,
                               format_duration(candidate.faults[i].at));
          });
      if (!sooner) return sooner;
    }
    return end_of_load();
  }

  Result<void> end_of_load() {
    const std::int64_t least = std::max<std::int64_t>(in_steps(last_end(best_)), 5);
    return number(least, in_steps(best_.time_limit), [](Candidate& candidate, std::int64_t steps) {
      candidate.time_limit = time_of(steps);
      return fmt::format("load for {}", format_duration(candidate.time_limit));
    });
  }

  Result<void> load() {
    if (best_.rate > 1)
      if (const auto done = number(1, static_cast<std::int64_t>(best_.rate),
                                   [](Candidate& candidate, std::int64_t rate) {
                                     candidate.rate = static_cast<double>(rate);
                                     return fmt::format("{} operations a second", rate);
                                   });
          !done)
        return done;
    if (best_.workers > 1)
      if (const auto done = number(1, best_.workers,
                                   [](Candidate& candidate, std::int64_t workers) {
                                     candidate.workers = static_cast<int>(workers);
                                     return fmt::format("{} worker{}", workers, workers == 1 ? "" : "s");
                                   });
          !done)
        return done;
    return {};
  }

  Candidate best_;
  const ShrinkSteps& steps_;
  const CandidateOracle& shows_;
};

}  // namespace

Result<Candidate> shrink(const Candidate& start, const ShrinkSteps& steps, const CandidateOracle& shows) {
  return Shrinker(start, steps, shows).run();
}

}  // namespace shaketable
