// bank and counter.

#include <algorithm>

#include "tests/checkers/aggregate/lines.h"

namespace shaketable {
namespace {

TEST_CASE("bank: totals that hold are valid") {
  CHECK(judged("bank",
               "0 invoke read\n0 ok read {0 5, 1 5}\n1 invoke transfer {:from 0 :to 1 :amount 2}\n1 ok\n0 invoke "
               "read\n0 ok read {0 3, 1 7}") == "valid");
  CHECK(judged("bank", "0 invoke read\n0 ok read [5 5]\n0 invoke read\n0 ok read [3 7]") == "valid");
  CHECK(judged("bank", "0 invoke read\n0 fail read\n1 invoke read\n1 info read\n2 invoke transfer {}\n2 ok") ==
        "unknown: no balances were read");
}

TEST_CASE("bank: a wrong total, an overdraft, a missing or strange account, a nil balance") {
  const char* before =
      "0 invoke read\n0 ok read {0 5, 1 5}\n0 invoke read\n0 ok read {0 4, 1 6}\n0 invoke read\n0 ok read ";
  const auto after = [&](const std::string& read) { return judged("bank", before + read); };
  CHECK(after("{0 5, 1 6}") == "INVALID: 1 wrong-total");
  CHECK(after("{0 -1, 1 11}") == "INVALID: 1 negative-value");
  CHECK(after("{0 10}") == "INVALID: 1 missing-account");
  CHECK(after("{0 5, 1 5, 2 0}") == "INVALID: 1 unexpected-key");
  CHECK(after("{0 10, 1 nil}") == "INVALID: 1 nil-balance");
  CHECK(judged("bank", std::string(before) + "{0 -1, 1 11}", "{:negative-balances true}") == "valid");
  const Verdict verdict = check("bank", lines(std::string(before) + "{0 5, 1 6}"));
  CHECK(first_text(verdict, "wrong-total") == "operation 4 (process 0) read a total of 11 instead of 10: {0 5, 1 6}");
  CHECK(verdict.explanation ==
        "wrong-total:\n  operation 4 (process 0) read a total of 11 instead of 10: {0 5, 1 6}\n");
  CHECK(to_json(verdict.details) ==
        R"({"counts":{"wrong-total":1},"highest-total":11,"lowest-total":11,"reads":3,"total":10})");
}

TEST_CASE("bank: a total that moves is found though nobody said what it should be, a given one counts") {
  const std::string moving =
      "0 invoke read\n0 ok read {0 10}\n0 invoke read\n0 ok read {0 11}\n0 invoke read\n0 ok read {0 11}";
  CHECK(judged("bank", moving) == "INVALID: 1 wrong-total");
  CHECK(judged("bank", moving, "{:total 10}") == "INVALID: 2 wrong-total");
  CHECK(judged("bank", "0 invoke read\n0 ok read {0 10}", "{\"total\" 9}") == "INVALID: 1 wrong-total");
}

TEST_CASE("bank: simulated transfers are valid, and any balance changed afterwards is found") {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::int64_t> accounts(1 + random.below(5), 10);
    Turns turns(random, 5);
    turns.run(
        40, [&](std::int64_t) { return event(OpType::invoke, 0, random.chance(0.5) ? "read" : "transfer", Value()); },
        [&](Operation& operation) {
          operation.type = any_end(random);
          const bool happens = operation.type == OpType::ok || (operation.type == OpType::info && random.chance(0.5));
          if (operation.f.text() == "transfer" && happens) {
            const std::size_t from = random.below(accounts.size()), to = random.below(accounts.size());
            const std::int64_t amount = random.between(0, accounts[from]);
            accounts[from] -= amount;
            accounts[to] += amount;
          }
          if (operation.f.text() != "read" || operation.type != OpType::ok) return;
          std::vector<std::pair<Value, Value>> balances;
          for (std::size_t a = 0; a < accounts.size(); ++a)
            balances.emplace_back(Value(static_cast<int>(a)), Value(accounts[a]));
          operation.value = Value::map(std::move(balances));
        });
    std::vector<std::size_t> reads;
    for (std::size_t i = 0; i < turns.history.operations.size(); ++i)
      if (turns.history.operations[i].value.kind() == Value::Kind::map) reads.push_back(i);
    REQUIRE(check("bank", turns.history).valid == (reads.empty() ? Validity::unknown : Validity::valid));
    if (reads.size() < 3) continue;
    Value& read = turns.history.operations[random.pick(reads)].value;
    std::vector<std::pair<Value, Value>> changed;
    for (std::size_t i = 0; i < read.items().size(); i += 2) changed.emplace_back(read.items()[i], read.items()[i + 1]);
    auto& [account, balance] = changed[random.below(changed.size())];
    balance = Value(balance.integer() + 1 + static_cast<std::int64_t>(random.below(5)));
    read = Value::map(std::move(changed));
    REQUIRE(check("bank", turns.history).valid == Validity::invalid);
  }
}

TEST_CASE("counter: reads within the bounds, up and down") {
  CHECK(judged("counter", "0 invoke add 3\n1 invoke read\n1 ok read 3\n0 ok\n1 invoke read\n1 ok read 3") == "valid");
  CHECK(judged("counter", "0 invoke add 3\n1 invoke read\n1 ok read 0\n0 ok") == "valid");
  CHECK(judged("counter",
               "0 invoke add -2\n0 ok\n0 invoke dec 1\n0 ok\n0 invoke inc\n0 ok\n0 invoke read\n0 ok read -2") ==
        "valid");
  CHECK(judged("counter", "0 invoke add 5\n0 fail\n0 invoke read\n0 ok read 5") == "INVALID: 1 impossible-read");
  CHECK(judged("counter", "0 invoke add 5\n0 info\n1 invoke read\n1 ok read 5\n1 invoke read\n1 ok read 0") == "valid");
  CHECK(judged("counter", "0 invoke add 5\n0 ok\n1 invoke read\n1 ok read 4") == "INVALID: 1 impossible-read");
  CHECK(judged("counter", "0 invoke read\n0 ok read 7", "{:initial 7}") == "valid");
  // Never read, a counter breaks no promise (the corpus has such a history, and says so).
  CHECK(judged("counter", "0 invoke add 5\n0 ok") == "valid");
  // A completion whose invocation is missing may have begun at any time.
  CHECK(judged("counter", "1 invoke read\n1 ok read 4\n0 ok add 4\n1 invoke read\n1 ok read 4") == "valid");
}

TEST_CASE("counter: an increment and a decrement under way widen the bounds on both sides, until they end") {
  const std::string open = "0 invoke add 4\n1 invoke add -3\n2 invoke read\n2 ok read ";
  for (int read = -4; read <= 5; ++read)
    CHECK((judged("counter", open + std::to_string(read)) == "valid") == (read >= -3 && read <= 4));
  const Verdict verdict =
      check("counter", lines("0 invoke add 4\n0 ok\n2 invoke read\n1 invoke add -3\n1 ok\n2 ok read 0"));
  CHECK(first_text(verdict, "impossible-read") ==
        "operation 2 (process 2) read 0, but the counter lay between 1 and 4 while it ran");
}

TEST_CASE("counter: agrees with bounds computed anew at every moment") {
  Random random(2);
  int invalid = 0;
  for (int round = 0; round < 3'000; ++round) {
    Turns turns(random, 4);
    turns.run(
        12,
        [&](std::int64_t) {
          return random.chance(0.4) ? event(OpType::invoke, 0, "read", Value())
                                    : event(OpType::invoke, 0, "add", random.between(-3, 3));
        },
        [&](Operation& operation) {
          operation.type = any_end(random);
          if (operation.f.text() == "read")
            operation.value = operation.type == OpType::ok ? Value(random.between(-4, 4)) : Value();
        });
    const auto& operations = turns.history.operations;
    const std::size_t n = operations.size();
    // end[i]: where the invocation at i completed with ok, n if never, and whether it failed.
    std::vector<std::size_t> end(n, n);
    std::vector<bool> failed(n);
    for (std::size_t i = 0; i < n; ++i)
      if (operations[i].type == OpType::invoke)
        for (std::size_t j = i + 1; j < n; ++j)
          if (operations[j].process == operations[i].process) {
            if (operations[j].type == OpType::ok) end[i] = j;
            failed[i] = operations[j].type == OpType::fail;
            break;
          }
    std::size_t impossible = 0, reads = 0;
    for (std::size_t r = 0; r < n; ++r) {
      if (operations[r].type != OpType::invoke || operations[r].f.text() != "read" || end[r] == n) continue;
      ++reads;
      std::int64_t lowest = INT64_MAX, highest = INT64_MIN;
      for (std::size_t moment = r; moment < end[r]; ++moment) {  // just after the event `moment`
        std::int64_t low = 0, high = 0;
        for (std::size_t a = 0; a <= moment; ++a) {
          if (operations[a].type != OpType::invoke || operations[a].f.text() != "add" || failed[a]) continue;
          const std::int64_t by = operations[a].value.integer();
          const bool done = end[a] <= moment;
          low += done || by < 0 ? by : 0;
          high += done || by > 0 ? by : 0;
        }
        lowest = std::min(lowest, low);
        highest = std::max(highest, high);
      }
      const std::int64_t got = operations[end[r]].value.integer();
      impossible += got < lowest || got > highest;
    }
    const Verdict verdict = check("counter", turns.history);
    REQUIRE(count_of(verdict, "impossible-read") == impossible);
    REQUIRE((verdict.valid == Validity::invalid) == (impossible > 0));
    if (reads > 0) REQUIRE(verdict.valid != Validity::unknown);
    invalid += impossible > 0;
  }
  CHECK(invalid > 300);
  CHECK(invalid < 2'900);
}

}  // namespace
}  // namespace shaketable
