#include <algorithm>
#include <optional>

#include "tests/checkers/aggregate/lines.h"

namespace shaketable {
namespace {

// A partition 0 with a and b at the offsets 0 and 1, both polled.
const std::string kTwo =
    "0 invoke send [[:send 0 :a]]\n0 ok send [[:send 0 [0 :a]]]\n"
    "0 invoke send [[:send 0 :b]]\n0 ok send [[:send 0 [1 :b]]]\n"
    "1 invoke poll [[:poll]]\n1 ok poll [[:poll {0 [[0 :a] [1 :b]]}]]\n";

TEST_CASE("kafka: sends and polls in order are valid") {
  CHECK(judged("kafka", kTwo) == "valid");
  CHECK(judged("kafka", "0 invoke send [[:send 0 :a]]\n0 ok send [[:send 0 [0 :a]]]\n") ==
        "unknown: nothing was ever polled");
  // Offsets with gaps say nothing: transactions leave invisible messages.
  CHECK(judged("kafka",
               "0 invoke send [[:send 0 :a]]\n0 ok send [[:send 0 [3 :a]]]\n0 invoke send [[:send 0 :b]]\n0 ok send "
               "[[:send 0 [9 :b]]]\n"
               "1 invoke poll [[:poll]]\n1 ok poll [[:poll {0 [[3 :a]]}]]\n1 invoke poll [[:poll]]\n1 ok poll [[:poll "
               "{0 [[9 :b]]}]]") == "valid");
  // From JSON, the keys of what was polled are strings.
  CHECK(judged("kafka",
               "0 invoke send [[\"send\" 0 1]]\n0 ok send [[\"send\" 0 [0 1]]]\n1 invoke poll [[\"poll\"]]\n1 ok poll "
               "[[\"poll\" {\"0\" [[0 1]]}]]") == "valid");
}

TEST_CASE("kafka: every anomaly by its name") {
  const auto with = [](const std::string& more, std::string_view options = "nil") {
    return judged("kafka", kTwo + more, options);
  };
  CHECK(with("2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[1 :c]]}]]") ==
        "INVALID: 1 inconsistent-offsets, 1 unexpected");
  CHECK(with("2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[2 :a]]}]]") == "INVALID: 1 duplicate");
  CHECK(with("2 invoke send [[:send 0 :c]]\n2 fail\n3 invoke poll [[:poll]]\n3 ok poll [[:poll {0 [[2 :c]]}]]") ==
        "INVALID: 1 G1a");
  CHECK(with("2 invoke txn [[:send 0 :c] [:poll]]\n2 ok txn [[:send 0 [2 :c]] [:poll {0 [[2 :c]]}]]") ==
        "INVALID: 1 precommitted-read");
  CHECK(with("2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[1 :b] [0 :a]]}]]") == "INVALID: 1 int-nonmonotonic-poll");
  CHECK(with("2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[0 :a] [0 :a]]}]]") == "INVALID: 1 int-nonmonotonic-poll");
  const std::string third = "0 invoke send [[:send 0 :c]]\n0 ok send [[:send 0 [2 :c]]]\n";
  CHECK(with(third + "2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[0 :a] [2 :c]]}]]") == "INVALID: 1 int-poll-skip");
  CHECK(with("1 invoke poll [[:poll]]\n1 ok poll [[:poll {0 [[1 :b]]}]]") == "INVALID: 1 nonmonotonic-poll");
  const std::string fourth =
      "0 invoke send [[:send 0 :d]]\n0 ok send [[:send 0 [3 :d]]]\n3 invoke poll [[:poll]]\n3 ok poll [[:poll {0 [[2 "
      ":c]]}]]\n";
  CHECK(with(third + fourth + "1 invoke poll [[:poll]]\n1 ok poll [[:poll {0 [[3 :d]]}]]") == "INVALID: 1 poll-skip");
  CHECK(with(third + "3 invoke send [[:send 0 :d]]\n3 ok send [[:send 0 [3 :d]]]\n1 invoke poll [[:poll]]\n1 ok poll "
                     "[[:poll {0 [[3 :d]]}]]") == "INVALID: 1 lost-write, 1 poll-skip");
  CHECK(with("0 invoke send [[:send 0 :c]]\n0 ok send [[:send 0 [0 :c]]]") ==
        "INVALID: 1 inconsistent-offsets, 1 lost-write, 1 nonmonotonic-send");
  const std::string inverted =
      "2 invoke txn [[:send 1 :x] [:send 1 :y]]\n2 ok txn [[:send 1 [1 :x]] [:send 1 [0 :y]]]\n";
  CHECK(with(inverted) == "INVALID: 1 int-nonmonotonic-send");
  const std::string skipping =
      "2 invoke txn [[:send 1 :x] [:send 1 :y]]\n2 ok txn [[:send 1 [0 :x]] [:send 1 [2 :y]]]\n"
      "0 invoke send [[:send 1 :z]]\n0 ok send [[:send 1 [1 :z]]]\n";
  CHECK(with(skipping) == "valid");
  CHECK(with(skipping, "{:strict-sends true}") == "INVALID: 1 int-send-skip");
  CHECK(with(third) == "valid");
  CHECK(with(third, "{:drained true}") == "INVALID: 1 unseen");
}

TEST_CASE("kafka: cycles") {
  const std::string circle =
      "0 invoke txn [[:send 0 :a] [:poll]]\n1 invoke txn [[:send 1 :b] [:poll]]\n"
      "0 ok txn [[:send 0 [0 :a]] [:poll {1 [[0 :b]]}]]\n1 ok txn [[:send 1 [0 :b]] [:poll {0 [[0 :a]]}]]";
  CHECK(judged("kafka", circle) == "INVALID: 1 G1c");
  CHECK(first_text(check("kafka", lines(circle)), "G1c") ==
        "operation 0 (process 0) sent :a to key 0, which operation 1 (process 1) polled; operation 1 (process 1) sent "
        ":b to key 1, which "
        "operation 0 (process 0) polled");
  const std::string future =
      "0 invoke poll [[:poll]]\n0 ok poll [[:poll {0 [[0 :a]]}]]\n1 invoke send [[:send 0 :a]]\n1 ok send [[:send 0 [0 "
      ":a]]]";
  CHECK(judged("kafka", future) == "INVALID: 1 G1c-realtime");
  CHECK(first_text(check("kafka", lines(future)), "G1c-realtime") ==
        "operation 0 (process 0) completed before operation 2 (process 1) began; operation 2 (process 1) sent :a to "
        "key 0, which operation 0 "
        "(process 0) polled");
  const std::string own_future =
      "0 invoke poll [[:poll]]\n0 ok poll [[:poll {0 [[0 :a]]}]]\n0 invoke send [[:send 0 :a]]\n0 ok send [[:send 0 [0 "
      ":a]]]";
  CHECK(judged("kafka", own_future) == "INVALID: 1 G1c-process");
  const std::string interleaved =
      "0 invoke txn [[:send 0 :a] [:send 1 :b]]\n1 invoke txn [[:send 0 :c] [:send 1 :d]]\n"
      "0 ok txn [[:send 0 [0 :a]] [:send 1 [1 :b]]]\n1 ok txn [[:send 0 [1 :c]] [:send 1 [0 :d]]]\n"
      "2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[0 :a] [1 :c]], 1 [[0 :d] [1 :b]]}]]";
  CHECK(judged("kafka", interleaved) == "valid");
  CHECK(judged("kafka", interleaved, "{:ww-deps true}") == "INVALID: 1 G0");
  // Sends that land the other way round, by one process and by two.
  const auto turned = [](const char* second) {
    return std::string("0 invoke send [[:send 0 :a]]\n0 ok send [[:send 0 [1 :a]]]\n") + second +
           " invoke send [[:send 0 :b]]\n" + second +
           " ok send [[:send 0 [0 :b]]]\n2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[0 :b] [1 :a]]}]]";
  };
  CHECK(judged("kafka", turned("0")) == "INVALID: 1 nonmonotonic-send");
  CHECK(judged("kafka", turned("0"), "{:ww-deps true}") == "INVALID: 1 G0-process, 1 nonmonotonic-send");
  CHECK(judged("kafka", turned("1")) == "valid");
  CHECK(judged("kafka", turned("1"), "{:ww-deps true}") == "INVALID: 1 G0-realtime");
}

TEST_CASE("kafka: what a subscription, an assignment or a crash explains is not reported") {
  const auto with = [](const std::string& more) { return judged("kafka", kTwo + more); };
  // A subscriber's partitions come and go: between its polls it may go back or skip.
  CHECK(with("2 invoke subscribe [0]\n2 ok\n2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[1 :b]]}]]\n2 invoke poll "
             "[[:poll]]\n2 ok poll "
             "[[:poll {0 [[0 :a]]}]]") == "valid");
  // Within one poll even it reads in order.
  CHECK(with("2 invoke subscribe [0]\n2 ok\n2 invoke poll [[:poll]]\n2 ok poll [[:poll {0 [[1 :b] [0 :a]]}]]") ==
        "INVALID: 1 int-nonmonotonic-poll");
  // An assignment may seek to the beginning.
  CHECK(with("1 invoke assign [0]\n1 ok\n1 invoke poll [[:poll]]\n1 ok poll [[:poll {0 [[0 :a] [1 :b]]}]]") == "valid");
  const std::string skipped =
      "0 invoke send [[:send 0 :c]]\n0 ok send [[:send 0 [2 :c]]]\n0 invoke send [[:send 0 :d]]\n0 ok send [[:send 0 "
      "[3 :d]]]\n"
      "4 invoke poll [[:poll]]\n4 ok poll [[:poll {0 [[3 :d]]}]]";
  CHECK(with(skipped) == "INVALID: 1 lost-write");
  CHECK(with("2 invoke subscribe [0]\n2 ok\n2 invoke poll [[:poll]]\n2 info\n" + skipped) ==
        "unknown: 1 message was never polled, which a crashed poll of a subscriber may have taken");
  // A crashed send may have happened or not, unless somebody saw it.
  CHECK(with("0 invoke send [[:send 0 :c]]\n0 info\n5 invoke poll [[:poll]]\n5 ok poll [[:poll {0 [[2 :c]]}]]") ==
        "valid");
  CHECK(with("0 invoke send [[:send 0 :c]]\n0 info\n") == "valid");
  // Sent twice, it may stand there twice.
  CHECK(with("0 invoke send [[:send 0 :a]]\n0 ok send [[:send 0 [2 :a]]]\n") == "INVALID: 1 nonmonotonic-send");
}

// A correct log: sends append at once, polls by assigned consumers read on from their position.
struct Log {
  std::vector<Value> messages;
};

History simulate(Random& random, int operations) {
  std::vector<Log> logs(3);
  std::map<std::int64_t, std::vector<std::size_t>> positions;
  std::int64_t next = 0;
  Turns turns(random, 4);
  turns.run(
      operations,
      [&](std::int64_t) {
        if (random.chance(0.5)) {
          const auto key = static_cast<std::int64_t>(random.below(3));
          return event(OpType::invoke, 0, "send", Value::list({Value::list({"send", key, next++})}));
        }
        return event(OpType::invoke, 0, "poll", Value::list({Value::list({"poll"})}));
      },
      [&](Operation& operation) {
        operation.type = any_end(random);
        if (operation.f.text() == "send") {
          const Value micro = operation.value[0];
          if (operation.type == OpType::fail || (operation.type == OpType::info && random.chance(0.5))) return;
          auto& log = logs[static_cast<std::size_t>(micro[1].integer())].messages;
          log.push_back(micro[2]);
          if (operation.type == OpType::ok)
            operation.value = Value::list(
                {Value::list({"send", micro[1], Value::list({static_cast<std::int64_t>(log.size() - 1), micro[2]})})});
          return;
        }
        if (operation.type != OpType::ok) return;
        auto& position = positions.try_emplace(operation.process, std::vector<std::size_t>(3)).first->second;
        std::vector<std::pair<Value, Value>> polled;
        for (std::size_t k = 0; k < 3; ++k) {
          std::vector<Value> pairs;
          for (std::uint64_t n = random.below(4); n > 0 && position[k] < logs[k].messages.size(); --n, ++position[k])
            pairs.push_back(Value::list({static_cast<std::int64_t>(position[k]), logs[k].messages[position[k]]}));
          if (!pairs.empty()) polled.emplace_back(Value(static_cast<std::int64_t>(k)), Value::list(std::move(pairs)));
        }
        operation.value = Value::list({Value::list({"poll", Value::map(std::move(polled))})});
      });
  return turns.history;
}

// Applies `change` to every pair [offset value] of one poll, chosen at random among those with at least `least` pairs
// of a key.
template <class Change>
std::optional<std::size_t> change_poll(History& history, Random& random, std::size_t least, Change change) {
  std::vector<std::pair<std::size_t, Value>> polls;
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& operation = history.operations[i];
    if (operation.f.text() != "poll" || operation.type != OpType::ok) continue;
    const Value& map = operation.value[0][1];
    for (std::size_t k = 0; k < map.items().size(); k += 2)
      if (map.items()[k + 1].size() >= least) polls.emplace_back(i, map.items()[k]);
  }
  if (polls.empty()) return std::nullopt;
  const auto [at, key] = random.pick(polls);
  const Value map = history.operations[at].value[0][1];
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t k = 0; k < map.items().size(); k += 2) {
    std::vector<Value> pairs(map.items()[k + 1].items().begin(), map.items()[k + 1].items().end());
    if (map.items()[k] == key) change(pairs);
    entries.emplace_back(map.items()[k], Value::list(std::move(pairs)));
  }
  history.operations[at].value = Value::list({Value::list({"poll", Value::map(std::move(entries))})});
  return at;
}

TEST_CASE("kafka: a simulated log is valid, reordered, made up and repeated messages are found") {
  Random random(21);
  int reordered = 0, repeated = 0, made_up = 0;
  for (int round = 0; round < 300; ++round) {
    const History good = simulate(random, 80);
    const Verdict verdict = check("kafka", good);
    CAPTURE(verdict.explanation);
    REQUIRE(verdict.valid != Validity::invalid);

    History bad = good;
    if (change_poll(bad, random, 2, [&](std::vector<Value>& pairs) { std::swap(pairs[0], pairs[1]); })) {
      REQUIRE(count_of(check("kafka", bad), "int-nonmonotonic-poll") > 0);
      ++reordered;
    }
    bad = good;
    if (change_poll(bad, random, 1, [&](std::vector<Value>& pairs) { pairs.push_back(pairs.back()); })) {
      REQUIRE(count_of(check("kafka", bad), "int-nonmonotonic-poll") > 0);
      ++repeated;
    }
    bad = good;
    if (change_poll(bad, random, 1, [&](std::vector<Value>& pairs) {
          pairs.back() = Value::list({pairs.back()[0], Value("made up")});
        })) {
      REQUIRE(count_of(check("kafka", bad), "unexpected") > 0);
      ++made_up;
    }
  }
  CHECK(reordered > 200);
  CHECK(repeated > 200);
  CHECK(made_up > 200);
}

TEST_CASE("kafka: a message that every consumer skips is lost, each of them") {
  Random random(22);
  int lost = 0;
  for (int round = 0; round < 200; ++round) {
    History history = simulate(random, 80);
    // Any message that was acknowledged, and polled, and after which a later one of the key was polled.
    std::map<Value, std::pair<std::int64_t, Value>> sent;  // value: offset and key
    std::map<Value, std::int64_t> highest;
    for (const Operation& operation : history.operations) {
      if (operation.type != OpType::ok) continue;
      const Value& micro = operation.value[0];
      if (operation.f.text() == "send") sent[micro[2][1]] = {micro[2][0].integer(), micro[1]};
      if (operation.f.text() != "poll") continue;
      for (std::size_t k = 0; k < micro[1].items().size(); k += 2)
        for (const Value& pair : micro[1].items()[k + 1].items()) {
          auto& best = highest.try_emplace(micro[1].items()[k], -1).first->second;
          best = std::max(best, pair[0].integer());
        }
    }
    std::optional<Value> victim;
    for (const auto& [value, place] : sent)
      if (highest.count(place.second) && place.first < highest[place.second]) victim = value;
    if (!victim) continue;
    for (Operation& operation : history.operations) {
      if (operation.f.text() != "poll" || operation.type != OpType::ok) continue;
      std::vector<std::pair<Value, Value>> entries;
      const Value map = operation.value[0][1];
      for (std::size_t k = 0; k < map.items().size(); k += 2) {
        std::vector<Value> pairs;
        for (const Value& pair : map.items()[k + 1].items())
          if (!(pair[1] == *victim)) pairs.push_back(pair);
        entries.emplace_back(map.items()[k], Value::list(std::move(pairs)));
      }
      operation.value = Value::list({Value::list({"poll", Value::map(std::move(entries))})});
    }
    const Verdict verdict = check("kafka", history);
    REQUIRE(count_of(verdict, "lost-write") == 1);
    ++lost;
  }
  CHECK(lost > 100);
}

}  // namespace
}  // namespace shaketable
