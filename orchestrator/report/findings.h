#pragma once
// What a run's watch on processes and logs saw (cluster/system_watch.h), held against the faults of the run: what
// nobody asked for is a finding of its own.

#include <string>
#include <vector>

#include "history/records.h"
#include "history/value.h"
#include "orchestrator/judge/judge.h"

namespace shaketable {

// Key of the run file's `meta`; JSON:
// {"crashes": "fail"|"note"|"off", "logs": …, "processes": N, "omitted": N, "unwatched": ["n1: …"],
//  "events": [{"kind", "node", "earliest_ns", "latest_ns", "what", "lines"}]}
inline constexpr const char* kMetaFindings = "findings";

// What a fault has to do with something that happened on its node.
enum class Blame {
  none,
  asked,     // it ends processes: a death while it lasts is its work and not told
  possible,  // it takes away or damages what the system needs, so it may be the cause: told, with the fault's name
};
// For process deaths, core dumps and OOM kills (`crash`), or for lines of logs.
Blame blame_of(const std::string& fault, bool crash);

// "crashes" and "logs", as far as the plan wants them judged: INVALID when something happened that no fault explains.
// bad_input when `findings` has another shape.
Result<std::vector<Judgement>> findings_judgements(const Value& findings, const std::vector<FaultRecord>& faults);

// Whether it is one of the two: they judge no operations, and alone they make no verdict on a history.
bool is_from_watch(const Judgement& judgement);
// Several lines; nothing when there is nothing to tell.
std::string findings_text(const Judgement& judgement);

}  // namespace shaketable
