#include "orchestrator/watch_record.h"

namespace shaketable {

Value watch_record(const SystemWatchReport& report, const FindingsPlan& wanted) {
  std::vector<Value> events;
  for (const SystemEvent& event : report.events)
    events.push_back(Value::map({{"kind", to_string(event.kind)},
                                 {"node", event.node},
                                 {"earliest_ns", event.earliest.count()},
                                 {"latest_ns", event.latest.count()},
                                 {"what", event.what},
                                 {"lines", Value::list({event.lines.begin(), event.lines.end()})}}));
  return Value::map({{"crashes", wanted.crashes},
                     {"logs", wanted.logs},
                     {"processes", report.processes},
                     {"omitted", report.omitted},
                     {"unwatched", Value::list({report.unwatched.begin(), report.unwatched.end()})},
                     {"events", Value::list(std::move(events))}});
}

}  // namespace shaketable
