// queue, total-queue and unique-ids.

#include <deque>

#include "tests/checkers/aggregate/lines.h"

namespace shaketable {
namespace {

TEST_CASE("queue: nothing comes out that did not go in, nor more often") {
  CHECK(judged("queue", "0 invoke enqueue 1\n1 invoke dequeue\n1 ok dequeue 1\n0 ok") == "valid");
  CHECK(judged("queue", "0 invoke enqueue 1\n0 info\n1 invoke dequeue\n1 ok dequeue 1") == "valid");
  CHECK(
      judged("queue", "0 invoke enqueue 1\n0 ok\n1 invoke dequeue\n1 ok dequeue 1\n1 invoke dequeue\n1 ok dequeue 1") ==
      "INVALID: 1 duplicated");
  CHECK(judged("queue", "1 invoke dequeue\n1 ok dequeue 1\n0 invoke enqueue 1\n0 ok") == "INVALID: 1 unexpected");
  CHECK(judged("queue", "0 invoke enqueue 1\n0 fail\n1 invoke dequeue\n1 ok dequeue 1") == "INVALID: 1 unexpected");
  CHECK(judged("queue", "0 invoke enqueue 1\n0 ok\n0 invoke enqueue 1\n0 ok\n1 invoke drain\n1 ok drain [1 1]") ==
        "valid");
  CHECK(judged("queue", "0 invoke enqueue 1\n0 ok\n1 invoke dequeue\n1 ok dequeue nil") ==
        "unknown: nothing was ever dequeued");
}

TEST_CASE("queue: agrees with counting from the start for every dequeue") {
  Random random(5);
  int invalid = 0;
  for (int round = 0; round < 3'000; ++round) {
    Turns turns(random, 4);
    turns.run(
        12,
        [&](std::int64_t) {
          return random.chance(0.6) ? event(OpType::invoke, 0, "enqueue", random.between(0, 4))
                                    : event(OpType::invoke, 0, "dequeue", Value());
        },
        [&](Operation& operation) {
          operation.type = any_end(random);
          if (operation.f.text() == "dequeue")
            operation.value = operation.type == OpType::ok ? Value(random.between(0, 4)) : Value();
        });
    const auto& operations = turns.history.operations;
    bool bad = false, any = false;
    for (std::int64_t element = 0; element <= 4; ++element) {
      std::int64_t inside = 0;
      for (std::size_t i = 0; i < operations.size(); ++i) {
        const Operation& operation = operations[i];
        if (operation.f.text() == "enqueue" && operation.type == OpType::invoke && operation.value == Value(element)) {
          bool failed = false;
          for (std::size_t j = i + 1; j < operations.size(); ++j)
            if (operations[j].process == operation.process) {
              failed = operations[j].type == OpType::fail;
              break;
            }
          inside += !failed;
        }
        if (operation.f.text() != "dequeue" || operation.type != OpType::ok) continue;
        any = true;
        if (operation.value == Value(element) && --inside < 0) bad = true;
      }
    }
    const Verdict verdict = check("queue", turns.history);
    REQUIRE(verdict.valid == (bad ? Validity::invalid : any ? Validity::valid : Validity::unknown));
    invalid += bad;
  }
  CHECK(invalid > 500);
  CHECK(invalid < 2'900);
}

TEST_CASE("total-queue: once drained, nothing may be missing") {
  const std::string in = "0 invoke enqueue 1\n0 ok\n0 invoke enqueue 2\n0 ok\n";
  const std::string drain = "1 invoke drain\n1 ok drain ";
  CHECK(judged("total-queue", in + drain + "[2 1]") == "valid");
  CHECK(judged("total-queue", in + drain + "[2]") == "INVALID: 1 lost");
  CHECK(judged("total-queue", in + drain + "[2 1 3]") == "INVALID: 1 unexpected");
  CHECK(judged("total-queue", in + drain + "[2 1 1]") == "valid");
  CHECK(judged("total-queue", in + drain + "[2 1 1]", "{:duplicates-invalidate true}") == "INVALID: 1 duplicated");
  CHECK(judged("total-queue", in + "1 invoke dequeue\n1 ok dequeue 2\n") ==
        "unknown: 1 element never came out, and the queue was never drained");
  CHECK(judged("total-queue", in + "1 invoke dequeue\n1 ok dequeue 2\n1 invoke dequeue\n1 ok dequeue 1\n") == "valid");
  CHECK(judged("total-queue", "") == "unknown: nothing was ever enqueued or dequeued");
}

TEST_CASE("total-queue: what a crashed dequeue may have taken is not called lost") {
  const std::string in = "0 invoke enqueue 1\n0 ok\n0 invoke enqueue 2\n0 ok\n2 invoke dequeue\n2 info\n";
  CHECK(judged("total-queue", in + "1 invoke drain\n1 ok drain [2]") ==
        "unknown: 1 element is missing, which 1 crashed dequeue may have taken out");
  CHECK(judged("total-queue", in + "1 invoke drain\n1 ok drain []") == "INVALID: 2 lost");
  // A crashed drain is no crash of the checker, and may have taken everything.
  CHECK(judged("total-queue", in + "3 invoke drain\n3 info\n1 invoke drain\n1 ok drain []") ==
        "unknown: 2 elements are missing, which 1 crashed drain may have taken out");
  // What was put in after the drain began need not have come out.
  CHECK(judged("total-queue", "1 invoke drain\n0 invoke enqueue 1\n0 ok\n1 ok drain []") == "valid");
}

TEST_CASE("total-queue: a simulated queue is valid, each element taken away, repeated or made up is found") {
  Random random(6);
  for (int round = 0; round < 200; ++round) {
    std::deque<std::int64_t> queue;
    std::int64_t next = 0;
    Turns turns(random, 5);
    turns.run(
        60,
        [&](std::int64_t) {
          return random.chance(0.6) ? event(OpType::invoke, 0, "enqueue", next++)
                                    : event(OpType::invoke, 0, "dequeue", Value());
        },
        [&](Operation& operation) {
          operation.type = any_end(random);
          if (operation.f.text() == "enqueue") {
            if (operation.type == OpType::ok || (operation.type == OpType::info && random.chance(0.5)))
              queue.push_back(operation.value.integer());
            return;
          }
          operation.value = Value();
          if (operation.type == OpType::info)
            operation.type = OpType::fail;  // crashed dequeues have a test of their own
          if (operation.type == OpType::fail || queue.empty()) return;
          operation.value = queue.front();
          queue.pop_front();
        });
    std::vector<Value> rest;
    for (std::int64_t element : queue) rest.emplace_back(element);
    const auto drained = [&](std::vector<Value> items) {
      History history = turns.history;
      history.operations.push_back(event(OpType::invoke, 900, "drain", Value()));
      history.operations.push_back(event(OpType::ok, 900, "drain", Value::list(std::move(items))));
      return check("total-queue", history, "{:duplicates-invalidate true}");
    };
    REQUIRE(drained(rest).valid == Validity::valid);
    std::vector<Value> more = rest;
    more.emplace_back(next + 1);
    REQUIRE(count_of(drained(more), "unexpected") == 1);
    for (const Operation& operation : turns.history.operations)
      if (operation.f.text() == "dequeue" && operation.type == OpType::ok && !operation.value.is_nil()) {
        more = rest;
        more.push_back(operation.value);
        REQUIRE(count_of(drained(more), "duplicated") == 1);
        break;
      }
    for (const Operation& operation : turns.history.operations)
      if (operation.f.text() == "enqueue" && operation.type == OpType::ok) {
        const auto at = std::find(rest.begin(), rest.end(), operation.value);
        if (at == rest.end()) continue;
        more = rest;
        more.erase(more.begin() + (at - rest.begin()));
        const Verdict verdict = drained(more);
        REQUIRE(verdict.valid == Validity::invalid);
        REQUIRE(count_of(verdict, "lost") == 1);
        break;
      }
  }
}

TEST_CASE("unique-ids: two of the same, whoever got them") {
  CHECK(judged("unique-ids", "0 invoke generate\n0 ok generate 1\n1 invoke generate\n1 ok generate 2") == "valid");
  CHECK(judged("unique-ids",
               "0 invoke generate\n0 ok generate 1\n1 invoke generate\n1 ok generate 1\n1 invoke generate\n1 ok "
               "generate 1") == "INVALID: 2 duplicate-id");
  CHECK(
      judged("unique-ids", "0 invoke generate\n0 ok generate [1 \"a\"]\n1 invoke generate\n1 ok generate [1 \"a\"]") ==
      "INVALID: 1 duplicate-id");
  CHECK(judged("unique-ids",
               "0 invoke generate\n0 ok generate 1\n1 invoke generate\n1 fail generate 1\n2 invoke generate\n2 info "
               "generate 1") == "valid");
  CHECK(judged("unique-ids", "0 invoke next\n0 ok next 1\n1 invoke next\n1 ok next 1") ==
        "unknown: no identifier was ever generated");
  CHECK(judged("unique-ids", "0 invoke next\n0 ok next 1\n1 invoke next\n1 ok next 1", "{:f :next}") ==
        "INVALID: 1 duplicate-id");
  Random random(7);
  for (int round = 0; round < 500; ++round) {
    Turns turns(random, 3);
    turns.run(
        10, [&](std::int64_t) { return event(OpType::invoke, 0, "generate", Value()); },
        [&](Operation& operation) {
          operation.type = any_end(random);
          operation.value = random.between(0, 40);
        });
    std::size_t duplicates = 0;
    const auto& operations = turns.history.operations;
    for (std::size_t i = 0; i < operations.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (operations[i].type == OpType::ok && operations[j].type == OpType::ok &&
            operations[i].value == operations[j].value) {
          ++duplicates;
          break;
        }
    REQUIRE(count_of(check("unique-ids", turns.history), "duplicate-id") == duplicates);
  }
}

}  // namespace
}  // namespace shaketable
