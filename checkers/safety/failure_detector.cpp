// A failure detector against the faults that there were (Chandra & Toueg, JACM 1996: completeness and accuracy).
// Operations: suspect TARGET, trust TARGET, completed ok at the moment the observer (the process) changed its mind.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/duration.h"
#include "checkers/safety/promise.h"

namespace shaketable::safety {

using namespace aggregate;

Verdict check_failure_detector(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  const std::int64_t within = input.options.duration("detect-within").count(),
                     grace = input.options.duration("grace").count();
  Findings findings;
  struct Suspicion {
    std::int64_t at, until;
    const Call* call;
  };
  std::map<std::string, std::vector<Suspicion>> suspicions;  // by target
  std::map<std::pair<std::int64_t, std::string>, std::size_t> open;
  std::int64_t end = 0, changes = 0;
  for (const Call& call : input.calls) {
    if (end_ns(call)) end = std::max(end, *end_ns(call));
    const std::string_view f = call.f.text();
    if (!call.ok() || !end_ns(call) || (f != "suspect" && f != "trust")) continue;
    ++changes;
    const std::string target = word(call.asked()).empty() ? shown(call.asked()) : std::string(word(call.asked()));
    const auto key = std::pair(call.process, target);
    const auto known = open.find(key);
    if (f == "suspect" && known == open.end()) {
      open.emplace(key, suspicions[target].size());
      suspicions[target].push_back({*end_ns(call), INT64_MAX, &call});
    } else if (f == "trust" && known != open.end()) {
      suspicions[target][known->second].until = *end_ns(call);
      open.erase(known);
    }
  }
  std::vector<Value> detections;
  std::int64_t false_suspicions = 0;
  for (const FaultWindow& fault : input.faults) {
    for (const std::string& target : fault.targets) {
      std::int64_t detected = INT64_MAX;
      for (const Suspicion& one : suspicions[target]) {
        if (one.until > fault.start_ns && one.at < fault.end_ns)
          detected = std::min(detected, std::max(one.at, fault.start_ns));
      }
      const bool seen = detected != INT64_MAX;
      detections.push_back(details({{"fault", Value(fault.fault)},
                                    {"target", Value(target)},
                                    {"detected-after-ms", seen ? milliseconds(detected - fault.start_ns) : Value()}}));
      // A fault that was over, or a run that ended, before the bound shows nothing.
      if (within <= 0 || (seen && detected - fault.start_ns <= within) ||
          std::min(fault.end_ns, end) < fault.start_ns + within)
        continue;
      findings.add(seen ? "slow-detection" : "undetected",
                   seen ? fmt::format("{} on {} was noticed after {}", fault.fault, target,
                                      format_duration(Nanos(detected - fault.start_ns)))
                        : fmt::format("{} on {} was never noticed", fault.fault, target),
                   details({{"fault", Value(fault.fault)}, {"target", Value(target)}}));
    }
  }
  for (const auto& [target, all] : suspicions) {
    for (const Suspicion& one : all) {
      const bool reason =
          std::any_of(input.faults.begin(), input.faults.end(), [&, &name = target](const FaultWindow& fault) {
            const bool aimed = std::find(fault.targets.begin(), fault.targets.end(), name) != fault.targets.end();
            const std::int64_t over = fault.end_ns > INT64_MAX - grace ? INT64_MAX : fault.end_ns + grace;
            return aimed && fault.start_ns <= one.at && one.at <= over;
          });
      if (reason) continue;
      ++false_suspicions;
      findings.add("false-suspicion",
                   fmt::format("{} suspected {}, on which there was no fault", name_of(*one.call), target),
                   details({{"op", place(one.call->place())}, {"target", Value(target)}}));
    }
  }
  findings.note("detections", Value::list(std::move(detections)));
  findings.note("false-suspicions", Value(false_suspicions));
  const bool nothing = changes == 0 && input.faults.empty();
  return std::move(findings).verdict("failure-detector", operations,
                                     nothing ? "there were neither faults nor suspicions" : std::string());
}

}  // namespace shaketable::safety
