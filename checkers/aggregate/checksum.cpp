// Payloads that carry their own sum come back as they were sent. A payload is a text "xxxxxxxx:…": eight hexadecimal
// digits, the CRC-32 of what follows the colon. Operations: any; looked at are the texts that a read shows, alone or as
// the v of [k v], and what was asked for by other functions, to know what was sent.

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <unordered_set>

#include "base/checksum.h"
#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

const Value& payload_of(const Value& value) {
  return value.is_list() && value.size() == 2 ? value[1] : value;
}

bool sum_holds(std::string_view text) {
  if (text.size() < 9 || text[8] != ':') return false;
  std::uint32_t said = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 8, said, 16);
  return error == std::errc() && end == text.data() + 8 && crc32(text.substr(9)) == said;
}

}  // namespace

Verdict check_checksum(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const auto operations = static_cast<std::int64_t>(calls.size());
  std::unordered_set<Value, ValueHash> sent;
  for (const Call& call : calls)
    if (call.f.text() != "read") sent.insert(payload_of(call.asked()));
  Findings findings;
  std::int64_t reads = 0;
  for (const Call& call : calls) {
    if (call.f.text() != "read" || !call.ok()) continue;
    const Value& payload = payload_of(call.answer());
    if (payload.is_nil()) continue;
    if (++reads % 1024 == 0 && input.budget.time_spent()) return out_of_time("checksum", operations);
    const auto where = details({{"operation", place(call.place())}, {"payload", payload}});
    if (payload.kind() != Value::Kind::string || !sum_holds(payload.text()))
      findings.add("corrupt",
                   fmt::format("{} read {}, which does not have the sum that it says", name_of(call), shown(payload)),
                   where);
    else if (sent.count(payload) == 0)
      findings.add("unexpected", fmt::format("{} read {}, which nobody had sent", name_of(call), shown(payload)),
                   where);
  }
  findings.note("reads", reads);
  return std::move(findings).verdict("checksum", operations, reads == 0 ? "no payload was ever read" : std::string());
}

}  // namespace shaketable::aggregate
