// Stores that let the write with the largest timestamp win lose writes when clocks differ: an acknowledged write
// vanishes because an older one carries a later time. Operations: write V or [K V], every value once a key; read -> V,
// or of [K nil] -> [K V].

#include <fmt/format.h>

#include <map>

#include "base/duration.h"
#include "checkers/safety/promise.h"

namespace shaketable::safety {

using namespace aggregate;

namespace {

struct Cell {
  Value key, value;
};

Cell cell_of(const Value& value) {
  if (value.is_list() && value.size() == 2) return {value[0], value[1]};
  return {Value(), value};
}

struct Register {
  std::map<Value, const Call*> writes;
  std::vector<std::pair<const Call*, Value>> reads;
};

}  // namespace

Verdict check_last_write(const Input& input) {
  const auto operations = static_cast<std::int64_t>(input.calls.size());
  Findings findings;
  std::map<Value, Register> registers;
  std::int64_t reads = 0;
  for (const Call& call : input.calls) {
    if (call.f.text() == "write" && !call.failed()) {
      const Cell cell = cell_of(call.asked());
      registers[cell.key].writes.emplace(cell.value, &call);
    } else if (call.f.text() == "read" && call.ok()) {
      const Cell cell = cell_of(call.answer());
      registers[cell.key].reads.emplace_back(&call, cell.value);
      ++reads;
    }
  }
  std::int64_t apart_max = 0;
  for (const auto& [key, all] : registers) {
    if (input.budget.time_spent()) return out_of_time("last-write", operations);
    const std::pair<const Call*, Value>* last = nullptr;
    for (const auto& read : all.reads) {
      if (!last || read.first->start > last->first->start) last = &read;
    }
    if (!last) continue;
    const auto winner = all.writes.find(last->second);
    if (winner == all.writes.end() || winner->second->end == kNever) continue;
    // The write that was acknowledged last among those that began after the winner was over.
    const Call* lost = nullptr;
    Value lost_value;
    for (const auto& [value, write] : all.writes) {
      if (!write->ok() || write->start <= winner->second->end || write->end >= last->first->start) continue;
      if (!lost || write->start > lost->start) {
        lost = write;
        lost_value = value;
      }
    }
    if (!lost) continue;
    const auto over = end_ns(*winner->second), began = start_ns(*lost);
    const std::int64_t apart = over && began ? *began - *over : 0;
    apart_max = std::max(apart_max, apart);
    findings.add("lost-to-older-write",
                 fmt::format("{} finds {} = {}, written by {}; {} wrote {} after that{}, and was acknowledged",
                             name_of(*last->first), shown(key), shown(last->second), name_of(*winner->second),
                             name_of(*lost), shown(lost_value),
                             apart > 0 ? fmt::format(" ({} later: clocks that decide were at least so far apart)",
                                                     format_duration(Nanos(apart)))
                                       : ""),
                 details({{"key", key},
                          {"kept", last->second},
                          {"lost", lost_value},
                          {"winner", place(winner->second->place())},
                          {"loser", place(lost->place())},
                          {"read", place(last->first->place())},
                          {"apart-ms", milliseconds(apart)}}));
  }
  findings.note("clocks-apart-ms-at-least", milliseconds(apart_max));
  return std::move(findings).verdict("last-write", operations, reads == 0 ? "nothing was read" : std::string());
}

}  // namespace shaketable::safety
