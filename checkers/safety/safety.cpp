#include "checkers/safety/safety.h"

#include <fmt/format.h>

#include "base/text.h"
#include "checkers/aggregate/options.h"
#include "checkers/safety/promise.h"

namespace shaketable {
namespace {

ParameterSpec option(std::string name, ParameterType type, std::string about, std::string fallback,
                     ParameterValue value) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.about = std::move(about);
  spec.fallback = std::move(fallback);
  spec.value = std::move(value);
  return spec;
}

ParameterSpec bound(std::string name, std::string about) {
  ParameterSpec spec = option(std::move(name), ParameterType::duration, std::move(about), "not judged", Nanos(0));
  spec.minimum = 0;
  return spec;
}

struct Checker {
  SafetyInfo info;
  Verdict (*check)(const safety::Input&);
};

const std::vector<Checker>& checkers() {
  static const std::vector<Checker> all = {
      {{"lock",
        "a lock has one holder, and its fencing tokens grow and keep out who is late",
        {option("exclusive", ParameterType::boolean, "two that surely hold the lock at once are a violation", "true",
                true),
         bound("lease", "how long a grant lasts at most, from its request"),
         bound("grant-within", "how long an acquire may take")}},
       safety::check_lock},
      {{"leader", "a term has one leader, and no observer sees terms go back", {}}, safety::check_leader},
      {{"lease", "a lease that was renewed in time is there until that time is over", {}}, safety::check_lease},
      {{"watch", "who watches is told of changes in order, of all of them, and of none older than asked for", {}},
       safety::check_watch},
      {{"exactly-once", "what was acknowledged took effect, once, however often it was retried", {}},
       safety::check_exactly_once},
      {{"last-write", "in the end no acknowledged write has lost to one that was over before it began", {}},
       safety::check_last_write},
      {{"timestamps",
        "timestamps, or intervals of them, follow real time (external consistency)",
        {option("strict", ParameterType::boolean, "equal timestamps of two that do not overlap are a violation",
                "false", false)}},
       safety::check_timestamps},
      {{"availability",
        "how long the system stood still, and how it came back after each fault",
        {bound("max-stall", "the longest time without a success while clients tried"),
         bound("recover-within", "from a fault's end to a success of what began after it"),
         option("goodput-back", ParameterType::number,
                "goodput after the last fault, as a part of that before the first", "not judged", 0.0)}},
       safety::check_availability},
      {{"failure-detector",
        "who is down is suspected in time, and who is up is not",
        {bound("detect-within", "from a fault's start to the suspicion of its target"),
         bound("grace", "how long after a fault its target may still be suspected")}},
       safety::check_failure_detector},
  };
  return all;
}

}  // namespace

namespace safety {

std::optional<std::int64_t> start_ns(const Call& call) {
  if (!call.invocation || call.invocation->time_ns < 0) return std::nullopt;
  return call.invocation->time_ns;
}

std::optional<std::int64_t> end_ns(const Call& call) {
  if (!call.completion || call.completion->time_ns < 0) return std::nullopt;
  return call.completion->time_ns;
}

Value milliseconds(std::int64_t ns) {
  return Value(static_cast<double>(ns / 1000) / 1000.0);
}

}  // namespace safety

const std::vector<SafetyInfo>& safety_checkers() {
  static const std::vector<SafetyInfo> infos = [] {
    std::vector<SafetyInfo> all;
    for (const Checker& checker : checkers()) all.push_back(checker.info);
    return all;
  }();
  return infos;
}

Result<Verdict> check_safety(std::string_view name, const History& history, const Value& options,
                             std::span<const FaultWindow> faults, const Budget& budget) {
  std::vector<std::string_view> names;
  for (const Checker& checker : checkers()) {
    names.push_back(checker.info.name);
    if (checker.info.name != name) continue;
    const Result<Parameters> parameters = aggregate::options_of(checker.info.name, checker.info.options, options);
    if (!parameters) return Failure(parameters.error());
    const Parameters none;
    const std::vector<aggregate::Call> calls = aggregate::calls_of({history, none, budget});
    return checker.check({calls, *parameters, faults, budget});
  }
  const std::string_view meant = nearest(name, names);
  return bad_input(
      fmt::format("unknown checker \"{}\"{}", name, meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant)));
}

}  // namespace shaketable
