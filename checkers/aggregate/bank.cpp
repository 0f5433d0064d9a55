// Transfers between accounts must never change the sum that a read sees, nor (unless allowed) overdraw an account.
// Operations: read -> ok {account balance …} (or a list of balances), transfer {from to amount} (not looked at).

#include <fmt/format.h>

#include <optional>
#include <set>

#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

struct Read {
  const Call* call;
  std::int64_t total = 0;
  bool whole = true;  // every balance is a number, and the sum fits
};

// Account and balance in turn.
std::vector<std::pair<Value, Value>> balances_of(const Value& value) {
  std::vector<std::pair<Value, Value>> balances;
  if (value.kind() == Value::Kind::map) {
    for (std::size_t i = 0; i < value.items().size(); i += 2)
      balances.emplace_back(value.items()[i], value.items()[i + 1]);
  } else {
    for (std::size_t i = 0; i < value.size(); ++i) balances.emplace_back(Value(static_cast<std::int64_t>(i)), value[i]);
  }
  return balances;
}

// The sum most reads agree on; of several, the one seen first.
std::optional<std::int64_t> commonest_total(const std::vector<Read>& reads) {
  std::map<std::int64_t, std::size_t> counts;
  std::optional<std::int64_t> best;
  for (const Read& read : reads)
    if (read.whole) ++counts[read.total];
  for (const Read& read : reads)
    if (read.whole && (!best || counts[read.total] > counts[*best])) best = read.total;
  return best;
}

}  // namespace

Verdict check_bank(const Input& input) {
  const std::vector<Call> calls = calls_of(input);
  const bool overdraft = input.options.boolean("negative-balances");
  Findings findings;
  std::vector<Read> reads;
  const Value* accounts = nullptr;  // those of the first read
  std::set<Value> names;
  std::size_t steps = 0;
  for (const Call& call : calls) {
    if (++steps % 1024 == 0 && input.budget.time_spent())
      return out_of_time("bank", static_cast<std::int64_t>(calls.size()));
    const Value& value = call.answer();
    if (!call.ok() || call.f.text() != "read" || (value.kind() != Value::Kind::map && !value.is_list())) continue;
    Read read{&call};
    std::size_t known = 0;
    const auto balances = balances_of(value);
    if (!accounts) {
      accounts = &value;
      for (const auto& [account, balance] : balances) names.insert(account);
    }
    for (const auto& [account, balance] : balances) {
      known += names.count(account);
      if (!names.count(account)) {
        findings.add("unexpected-key",
                     fmt::format("{} read account {}, which the first read did not have: {}", name_of(call),
                                 shown(account), shown(value)),
                     details({{"operation", place(call.place())}, {"account", account}}));
      }
      if (!balance.is_integer()) {
        read.whole = false;
        findings.add("nil-balance",
                     fmt::format("{} read {} as balance of account {}", name_of(call), shown(balance), shown(account)),
                     details({{"operation", place(call.place())}, {"account", account}, {"balance", balance}}));
        continue;
      }
      if (__builtin_add_overflow(read.total, balance.integer(), &read.total)) read.whole = false;
      if (balance.integer() < 0 && !overdraft)
        findings.add("negative-value",
                     fmt::format("{} read a balance of {} for account {}: {}", name_of(call), balance.integer(),
                                 shown(account), shown(value)),
                     details({{"operation", place(call.place())}, {"account", account}, {"balance", balance}}));
    }
    if (known < names.size())
      findings.add("missing-account",
                   fmt::format("{} read {} of {} accounts: {}", name_of(call), known, names.size(), shown(value)),
                   details({{"operation", place(call.place())}}));
    reads.push_back(read);
  }
  const std::int64_t given = input.options.integer("total");
  const std::optional<std::int64_t> total = given != kTotalFromReads ? given : commonest_total(reads);
  std::map<std::int64_t, std::size_t> wrong;
  for (const Read& read : reads) {
    if (!read.whole || read.total == *total) continue;
    ++wrong[read.total];
    findings.add("wrong-total",
                 fmt::format("{} read a total of {} instead of {}: {}", name_of(*read.call), read.total, *total,
                             shown(read.call->answer())),
                 details({{"operation", place(read.call->place())},
                          {"total", read.total},
                          {"expected", *total},
                          {"read", read.call->answer()}}));
  }
  if (total) findings.note("total", *total);
  findings.note("reads", static_cast<std::int64_t>(reads.size()));
  if (!wrong.empty()) {
    findings.note("lowest-total", wrong.begin()->first);
    findings.note("highest-total", wrong.rbegin()->first);
  }
  return std::move(findings).verdict("bank", static_cast<std::int64_t>(calls.size()),
                                     reads.empty() ? "no balances were read" : std::string());
}

}  // namespace shaketable::aggregate
