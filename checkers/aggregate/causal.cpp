// A register that is written 1, 2, 3 … : a session that wrote or read a value must not read an earlier one afterwards,
// and nobody may read what was not written yet. Operations: write n, read -> ok n, read-init -> ok n; a process is a
// session. nil read says nothing, as in jepsen.tests.causal; the links and positions that its operations carry are not
// part of an operation here.

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {

Verdict check_causal(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  std::unordered_map<std::int64_t, std::int64_t> written;  // value to where its earliest write began
  std::unordered_map<std::int64_t, const Call*> failed;
  std::vector<const Call*> sessions;  // what succeeded, by completion
  // Reads of nil say nothing, unless nothing had been acknowledged by then: that is what there was to see.
  std::vector<const Call*> empty;
  std::int64_t acknowledged = kNever;
  for (const Call& call : calls) {
    const std::string_view f = call.f.text();
    if (f == "write" && call.asked().is_integer()) {
      if (call.failed()) {
        failed.insert_or_assign(call.asked().integer(), &call);
        continue;
      }
      const auto at = written.try_emplace(call.asked().integer(), call.start).first;
      at->second = std::min(at->second, call.start);
      if (call.ok()) {
        sessions.push_back(&call);
        acknowledged = std::min(acknowledged, call.end);
      }
    } else if ((f == "read" || f == "read-init") && call.ok() && call.answer().is_integer()) {
      sessions.push_back(&call);
    } else if (f == "read" && call.ok() && call.answer().is_nil()) {
      empty.push_back(&call);
    }
  }
  std::stable_sort(sessions.begin(), sessions.end(), [](const Call* a, const Call* b) { return a->end < b->end; });
  Findings findings;
  struct Session {
    std::int64_t value = 0;
    const Call* by = nullptr;
  };
  std::unordered_map<std::int64_t, Session> latest;
  std::int64_t reads = std::count_if(empty.begin(), empty.end(),
                                     [acknowledged](const Call* call) { return call->start < acknowledged; });
  std::size_t steps = 0;
  for (const Call* call : sessions) {
    if (++steps % 1024 == 0 && input.budget.time_spent()) return out_of_time("causal", operations);
    Session& session = latest[call->process];
    if (call->f.text() == "write") {
      if (!session.by || call->asked().integer() > session.value) session = {call->asked().integer(), call};
      continue;
    }
    ++reads;
    const std::int64_t got = call->answer().integer();
    const auto write = written.find(got);
    if (got != 0 && (write == written.end() || write->second > call->end)) {
      const auto failure = failed.find(got);
      findings.add(
          "unexpected",
          failure != failed.end() && write == written.end()
              ? fmt::format("{} read {}, whose write, {}, had failed", name_of(*call), got, name_of(*failure->second))
              : fmt::format("{} read {}, which nobody had written by then", name_of(*call), got),
          details({{"operation", place(call->place())}, {"value", got}}));
    }
    if (session.by && got < session.value) {
      findings.add(
          "stale-read",
          fmt::format("{} read {}, though {} of the same session had {} {}", name_of(*call), got, name_of(*session.by),
                      session.by->f.text() == "write" ? "written" : "read", session.value),
          details({{"operation", place(call->place())},
                   {"read", got},
                   {"known", session.value},
                   {"known-by", place(session.by->place())}}));
      continue;
    }
    session = {got, call};
  }
  findings.note("reads", reads);
  findings.note("sessions", static_cast<std::int64_t>(latest.size()));
  return std::move(findings).verdict("causal", operations, reads == 0 ? "nothing was ever read" : std::string());
}

}  // namespace shaketable::aggregate
