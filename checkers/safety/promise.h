#pragma once
// What the checkers of this folder have in common. Internal to checkers/safety/.

#include <optional>
#include <span>

#include "checkers/aggregate/input.h"
#include "checkers/safety/safety.h"

namespace shaketable::safety {

using aggregate::Call;
using aggregate::Findings;

struct Input {
  const std::vector<Call>& calls;
  const Parameters& options;
  std::span<const FaultWindow> faults;
  const Budget& budget;
};

// nullopt where no time was recorded.
std::optional<std::int64_t> start_ns(const Call& call);
std::optional<std::int64_t> end_ns(const Call& call);  // of its completion, whatever it was
Value milliseconds(std::int64_t ns);

Verdict check_lock(const Input& input);
Verdict check_leader(const Input& input);
Verdict check_lease(const Input& input);
Verdict check_watch(const Input& input);
Verdict check_exactly_once(const Input& input);
Verdict check_last_write(const Input& input);
Verdict check_timestamps(const Input& input);
Verdict check_availability(const Input& input);
Verdict check_failure_detector(const Input& input);

// What timeouts, fixed and adaptive, would have cost on these calls.
Value timeout_costs(const std::vector<Call>& calls);

}  // namespace shaketable::safety
