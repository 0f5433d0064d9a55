// Leases (Gray & Cheriton, 1989): who renews one in time keeps it.
// Operations: grant -> ok LEASE; renew LEASE -> ok TTL, for so many milliseconds, or nil: there is no such lease any
// more.

#include <fmt/format.h>

#include <map>

#include "base/duration.h"
#include "checkers/safety/promise.h"

namespace shaketable::safety {

using namespace aggregate;

Verdict check_lease(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  struct Ended {
    const Call* call;
    Value lease;
  };
  struct Longest {
    std::int64_t until = 0;  // ns
    const Call* call = nullptr;
  };
  std::map<Value, Longest> leases;
  std::vector<Ended> ended;
  std::int64_t renewed = 0;
  for (const Call& call : input.calls) {
    if (call.f.text() != "renew" || !call.ok()) continue;
    const auto start = start_ns(call);
    const Value &lease = call.asked(), &ttl = call.answer();
    if (!call.invocation || !start || !end_ns(call)) continue;
    if (ttl.is_nil()) {
      ended.push_back({&call, lease});
      continue;
    }
    if (!ttl.is_integer()) continue;
    ++renewed;
    // The system counts from some moment after the request, so it lives until then at least.
    Longest& longest = leases[lease];
    const std::int64_t until = *start + ttl.integer() * 1'000'000;
    if (!longest.call || until > longest.until) longest = {until, &call};
  }
  Findings findings;
  // Each answer that a lease was gone, against every renewal, also those that came later: one that is gone cannot be
  // renewed, so that such a pair is wrong whichever of the two is.
  for (const Ended& end : ended) {
    const auto found = leases.find(end.lease);
    if (found == leases.end() || *end_ns(*end.call) >= found->second.until) continue;
    const Longest& longest = found->second;
    const Nanos early(longest.until - *end_ns(*end.call));
    findings.add("revoked-early",
                 fmt::format("{} was told that lease {} is gone, {} before what {} was promised was over",
                             name_of(*end.call), shown(end.lease), format_duration(early), name_of(*longest.call)),
                 details({{"lease", end.lease},
                          {"early-ms", milliseconds(early.count())},
                          {"renewed", place(longest.call->place())},
                          {"gone", place(end.call->place())}}));
  }
  findings.note("leases", Value(static_cast<std::int64_t>(leases.size())));
  findings.note("renewals", Value(renewed));
  findings.note("ended", Value(static_cast<std::int64_t>(ended.size())));
  return std::move(findings).verdict("lease", operations, renewed == 0 ? "no lease was ever renewed" : std::string());
}

}  // namespace shaketable::safety
