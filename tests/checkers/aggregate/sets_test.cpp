// set and set-full.

#include <algorithm>
#include <set>

#include "tests/checkers/aggregate/lines.h"

namespace shaketable {
namespace {

TEST_CASE("set: what was acknowledged must be read at the end, and nothing that nobody added") {
  const std::string adds = "0 invoke add 1\n0 ok\n0 invoke add 2\n0 info\n1 invoke add 3\n1 fail\n";
  CHECK(judged("set", adds + "1 invoke read\n1 ok read [1]") == "valid");
  CHECK(judged("set", adds + "1 invoke read\n1 ok read #{1 2}") == "valid");
  CHECK(judged("set", adds + "1 invoke read\n1 ok read [2]") == "INVALID: 1 lost");
  CHECK(judged("set", adds + "1 invoke read\n1 ok read [1 3]") == "INVALID: 1 unexpected");
  CHECK(judged("set", adds + "1 invoke read\n1 ok read [1 4 4]") == "INVALID: 1 unexpected");
  CHECK(judged("set", adds + "1 invoke read\n1 info read") == "unknown: the set was never read");
  CHECK(judged("set", adds + "1 invoke read\n1 ok read nil") == "unknown: the set was never read");
  CHECK(judged("set", adds) == "unknown: the set was never read");
  // Only the last read counts, and an add may be missing from a read that began before it was acknowledged.
  CHECK(judged("set", adds + "1 invoke read\n1 ok read []\n1 invoke read\n1 ok read [1]") == "valid");
  CHECK(judged("set", "1 invoke read\n0 invoke add 1\n0 ok\n1 ok read []") == "valid");
  const Verdict verdict = check("set", lines(adds + "1 invoke read\n1 ok read [3]"));
  CHECK(first_text(verdict, "lost") ==
        "1 was acknowledged by operation 0 (process 0), and operation 6 (process 1) did not see it");
  CHECK(first_text(verdict, "unexpected") ==
        "3 was read by operation 6 (process 1), but operation 4 (process 1), which added it, had failed");
}

TEST_CASE("set: what is lost or made up in a large valid history is found, each element") {
  Random random(3);
  for (int round = 0; round < 100; ++round) {
    std::int64_t next = 0;
    std::set<std::int64_t> there, acknowledged;
    Turns turns(random, 6);
    turns.run(
        60, [&](std::int64_t) { return event(OpType::invoke, 0, "add", next++); },
        [&](Operation& operation) {
          operation.type = any_end(random);
          if (operation.type == OpType::ok) acknowledged.insert(operation.value.integer());
          if (operation.type == OpType::ok || (operation.type == OpType::info && random.chance(0.5)))
            there.insert(operation.value.integer());
        });
    std::vector<std::int64_t> lost;
    const auto read = [&] {
      History history = turns.history;
      std::vector<Value> items;
      for (std::int64_t element : there) items.emplace_back(element);
      random.shuffle(items);
      history.operations.push_back(event(OpType::invoke, 900, "read", Value()));
      history.operations.push_back(event(OpType::ok, 900, "read", Value::list(items)));
      return check("set", history);
    };
    REQUIRE(read().valid == Validity::valid);
    std::size_t removed = 0;
    for (std::int64_t element : acknowledged)
      if (random.chance(0.1)) removed += there.erase(element);
    there.insert(next + 5);
    const Verdict verdict = read();
    REQUIRE(verdict.valid == Validity::invalid);
    REQUIRE(count_of(verdict, "lost") == removed);
    REQUIRE(count_of(verdict, "unexpected") == 1);
  }
}

TEST_CASE("set-full: stays, goes, comes back, comes twice") {
  const std::string add = "0 invoke add 1\n0 ok\n";
  CHECK(judged("set-full", add + "1 invoke read\n1 ok read [1]") == "valid");
  CHECK(judged("set-full", add + "1 invoke read\n1 ok read []") == "INVALID: 1 lost");
  CHECK(judged("set-full", add + "1 invoke read\n1 ok read []\n1 invoke read\n1 ok read [1]") == "valid");
  CHECK(judged("set-full", add + "1 invoke read\n1 ok read []\n1 invoke read\n1 ok read [1]", "{:linearizable true}") ==
        "INVALID: 1 stale");
  CHECK(judged("set-full", add + "1 invoke read\n1 ok read [1]\n1 invoke read\n1 ok read []") == "INVALID: 1 lost");
  CHECK(judged("set-full", add + "1 invoke read\n1 ok read [1 1]") == "INVALID: 1 duplicate");
  CHECK(judged("set-full", add + "1 invoke read\n1 ok read [1 2]") == "INVALID: 1 unexpected");
  CHECK(judged("set-full", "0 invoke add 1\n0 fail\n1 invoke read\n1 ok read [1]") == "INVALID: 1 unexpected");
  CHECK(judged("set-full", add) == "unknown: the set was never read");
  CHECK(judged("set-full", "0 invoke add 1\n0 info\n1 invoke read\n1 ok read []") ==
        "unknown: no element that was added was ever read");
  // Seen once, a crashed add has happened, and what it added must stay.
  CHECK(judged("set-full", "0 invoke add 1\n0 info\n1 invoke read\n1 ok read [1]\n1 invoke read\n1 ok read []") ==
        "INVALID: 1 lost");
  // A read that was under way when the add was acknowledged may miss it.
  CHECK(judged("set-full", "0 invoke add 1\n1 invoke read\n0 ok\n1 ok read []\n1 invoke read\n1 ok read [1]",
               "{:linearizable true}") == "valid");
  const Verdict verdict = check("set-full", lines(add + "1 invoke read\n1 ok read []"));
  CHECK(first_text(verdict, "lost") ==
        "1 was known since operation 0 (process 0) completed, and operation 2 (process 1) did not see it, nor did any "
        "later read");
}

TEST_CASE("set-full: agrees with the definition, element by element and read by read") {
  Random random(4);
  int lost_histories = 0, stale_histories = 0;
  for (int round = 0; round < 3'000; ++round) {
    Turns turns(random, 3);
    std::int64_t next = 0;
    turns.run(
        12,
        [&](std::int64_t) {
          return random.chance(0.4) ? event(OpType::invoke, 0, "add", next++)
                                    : event(OpType::invoke, 0, "read", Value());
        },
        [&](Operation& operation) {
          operation.type = any_end(random);
          if (operation.f.text() != "read" || operation.type != OpType::ok) return;
          std::vector<Value> items;
          for (std::int64_t element = 0; element < next; ++element)
            if (random.chance(0.7)) items.emplace_back(element);
          if (!items.empty() && random.chance(0.1)) items.push_back(items.front());
          operation.value = Value::list(std::move(items));
        });
    const auto& operations = turns.history.operations;
    struct Span {
      std::size_t start, end;
      const Operation* ok;
    };
    std::vector<Span> adds, reads;
    std::set<std::int64_t> possible;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      if (operations[i].type != OpType::invoke) continue;
      Span span{i, SIZE_MAX, nullptr};
      bool failed = false;
      for (std::size_t j = i + 1; j < operations.size(); ++j)
        if (operations[j].process == operations[i].process) {
          if (operations[j].type == OpType::ok) span = {i, j, &operations[j]};
          failed = operations[j].type == OpType::fail;
          break;
        }
      if (operations[i].f.text() == "add") {
        if (!failed) possible.insert(operations[i].value.integer());
        if (span.ok) adds.push_back(span);
      } else if (span.ok) {
        reads.push_back(span);
      }
    }
    const auto holds = [](const Span& read, std::int64_t element) {
      const auto items = read.ok->value.items();
      return std::count(items.begin(), items.end(), Value(element));
    };
    std::size_t lost = 0, stale = 0, unexpected = 0, duplicates = 0;
    for (std::int64_t element = 0; element < next; ++element) {
      std::size_t known = SIZE_MAX, last_present = 0, last_absent = 0;
      bool present = false, absent = false;
      for (const Span& add : adds)
        if (add.ok->value == Value(element)) known = std::min(known, add.end);
      for (const Span& read : reads) {
        const auto times = holds(read, element);
        duplicates += times > 1;
        if (times == 0) continue;
        known = std::min(known, read.end);
        last_present = std::max(last_present, read.start);
        present = true;
      }
      if (!possible.count(element)) {
        unexpected += present;
        continue;
      }
      for (const Span& read : reads)
        if (holds(read, element) == 0 && read.start > known) {
          absent = true;
          last_absent = std::max(last_absent, read.start);
        }
      const bool gone = absent && (!present || last_present < last_absent);
      lost += gone;
      stale += absent && !gone;
    }
    const Verdict verdict = check("set-full", turns.history, "{:linearizable true}");
    REQUIRE(count_of(verdict, "lost") == lost);
    REQUIRE(count_of(verdict, "stale") == stale);
    REQUIRE(count_of(verdict, "unexpected") == unexpected);
    REQUIRE(count_of(verdict, "duplicate") == duplicates);
    lost_histories += lost > 0;
    stale_histories += stale > 0;
  }
  CHECK(lost_histories > 300);
  CHECK(stale_histories > 300);
}

}  // namespace
}  // namespace shaketable
