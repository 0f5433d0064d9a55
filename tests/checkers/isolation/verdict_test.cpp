// What a verdict says, word for word; odd input; bounds.

#include "tests/checkers/isolation/brute_force.h"

namespace shaketable::isolation {
namespace {

using Strings = std::vector<std::string>;

Verdict list_append(std::string_view json, std::string_view model = "serializable") {
  const Result<Verdict> verdict = check_list_append(history_of(json), asking(model));
  REQUIRE(verdict);
  return *verdict;
}

Verdict rw_register(std::string_view json, std::string_view model = "serializable") {
  const Result<Verdict> verdict = check_rw_register(history_of(json), asking(model));
  REQUIRE(verdict);
  return *verdict;
}

constexpr const char* kStale = R"([["invoke", 0, [["append", "x", 1]]], ["ok", 0, [["append", "x", 1]]],
                                   ["invoke", 0, [["append", "x", 2]]], ["ok", 0, [["append", "x", 2]]],
                                   ["invoke", 1, [["r", "x", null]]],   ["ok", 1, [["r", "x", [1]]]],
                                   ["invoke", 1, [["r", "x", null]]],   ["ok", 1, [["r", "x", [1, 2]]]]])";

TEST_CASE("a stale read is explained edge by edge") {
  const Verdict verdict = list_append(kStale, "strict-serializable");
  CHECK(verdict.valid == Validity::invalid);
  CHECK(verdict.reason == "G-single-item-realtime was found");
  CHECK(verdict.not_models == Strings{"strong-snapshot-isolation"});
  CHECK(verdict.explanation ==
        "The history is not strong-snapshot-isolation.\n"
        "\n"
        "G-single-item-realtime\n"
        "Let:\n"
        "  T1 = operation 3 by process 0: [[append x 2]]\n"
        "  T2 = operation 5 by process 1: [[r x [1]]]\n"
        "Then:\n"
        "  T2 was invoked (event 4) after T1 had completed (event 3),\n"
        "  T1 appended 2 to x after T2 had read x = [1].\n"
        "Each comes before the next, and the last before the first: a contradiction.\n");
  CHECK(list_append(kStale, "serializable").valid == Validity::valid);
  CHECK(list_append(kStale, "strong-session-serializable").valid == Validity::valid);
}

TEST_CASE("a cycle is drawn") {
  const Verdict verdict = list_append(kStale, "strict-serializable");
  const Value& details = verdict.anomalies.at("G-single-item-realtime")[0].details;
  CHECK(cycle_dot(details) ==
        "digraph cycle {\n"
        "  node [shape=box, fontname=\"monospace\"];\n"
        "  T1 [label=\"T1 (op 3)\\nappend x 2;\"];\n"
        "  T2 [label=\"T2 (op 5)\\nr x [1];\"];\n"
        "  T1 -> T2 [label=\"realtime\", color=\"#0050C0\", fontcolor=\"#0050C0\"];\n"
        "  T2 -> T1 [label=\"rw x\", color=\"#5B00C0\", fontcolor=\"#5B00C0\"];\n"
        "}\n");
  CHECK(cycle_svg(details).starts_with("<svg "));
  CHECK(cycle_dot(Value()).empty());
  CHECK(cycle_svg(Value::map({{"op", Value(3)}})).empty());
}

TEST_CASE("a read of what nobody appended is an anomaly") {
  const Verdict verdict = list_append(R"([["ok", 0, [["append", "x", 1]]], ["ok", 1, [["r", "x", [1, 99]]]]])");
  CHECK(verdict.valid == Validity::invalid);
  CHECK(names_of(verdict) == Strings{"garbage-read"});
  CHECK(verdict.anomalies.at("garbage-read")[0].text ==
        "operation 1 [[r x [1 99]]] read x = [1 99], but nobody appended 99 to it");
  CHECK(verdict.not_models == Strings{"read-uncommitted"});
}

TEST_CASE("each anomaly that is no cycle") {
  CHECK(names_of(list_append(R"([["ok", 0, [["append", "x", 1]]], ["ok", 1, [["r", "x", [1, 1]]]]])")) ==
        Strings{"duplicate-elements"});
  CHECK(
      names_of(
          list_append(
              R"([["ok", 0, [["r", "x", [1]], ["append", "x", 1]]], ["ok", 1, [["append", "y", 1]]], ["ok", 2, [["r", "y", [1]]]]])"))
          .front() == "future-read");
  CHECK(list_append(R"([["ok", 0, [["append", "x", 1], ["r", "x", null]]], ["ok", 1, [["r", "x", [1]]]]])")
            .anomalies.contains("internal"));
  CHECK(
      list_append(
          R"([["ok", 0, [["append", "x", 1]]], ["ok", 1, [["append", "x", 2]]], ["ok", 2, [["r", "x", [1, 2]]]], ["ok", 3, [["r", "x", [2]]]]])")
          .anomalies.contains("incompatible-order"));
  // An aborted value in the middle of a list, not only at its end.
  const Verdict middle = list_append(
      R"([["fail", 0, [["append", "x", 1]]], ["ok", 1, [["append", "x", 2]]], ["ok", 2, [["r", "x", [1, 2]]]]])");
  CHECK(middle.anomalies.contains("G1a"));
  CHECK(middle.anomalies.contains("dirty-update"));
}

TEST_CASE("keys and values may be anything") {
  const Verdict verdict = list_append(
      R"([["ok", 0, [["append", [1, "a"], {"v": 1}], ["append", null, 1.5]]], ["ok", 1, [["r", [1, "a"], [{"v": 1}]], ["r", null, null]]]])");
  CHECK(verdict.valid == Validity::invalid);
  CHECK(names_of(verdict) == Strings{"G-single-item"});
}

TEST_CASE("EDN's keywords and JSON's strings are the same") {
  History history;
  HistoryBuilder builder(history);
  REQUIRE(
      read_history_text("{:type :ok, :process 0, :f :txn, :value [[:append :x 1] [:append :y 1]]}\n"
                        "{:type :ok, :process 1, :f :txn, :value [[:r :x [1]] [:r :y nil]]}\n",
                        "text", HistoryFormat::edn, {}, builder));
  const Result<Verdict> verdict = check_list_append(history, asking("serializable"));
  REQUIRE(verdict);
  CHECK(names_of(*verdict) == Strings{"G-single-item"});
}

TEST_CASE("what is no transaction is bad input, and says where") {
  const auto message = [](std::string_view json) {
    const Result<Verdict> verdict = check_list_append(history_of(json), asking("serializable"));
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().kind == ErrorKind::bad_input);
    return verdict.error().message;
  };
  CHECK(message(R"([["ok", 0, 3]])") == "operation 0: an ok transaction's value must be a list of micro-operations");
  CHECK(message(R"([["ok", 0, [["r", "x", null]]], ["ok", 0, [["w", "x", 1]]]])") ==
        "operation 1: \"w\" is no micro-operation of list-append (append, r)");
  CHECK(message(R"([["ok", 0, [["r", "x", 3]]]])") == "operation 0: a read in list-append gives a list or nil, not 3");
  CHECK(message(R"([["ok", 0, [["r"]]]])") == "operation 0: a micro-operation is [f key value], not [\"r\"]");
}

TEST_CASE("too little to judge is unknown") {
  CHECK(list_append("[]").valid == Validity::unknown);
  CHECK(list_append(R"([["invoke", 0, [["append", "x", 1]]]])").valid == Validity::unknown);
  CHECK(rw_register(R"([["invoke", 0, [["w", "x", 1]]], ["info", 0, [["w", "x", 1]]]])").valid == Validity::unknown);
}

TEST_CASE("a value appended twice leaves doubt, not a verdict") {
  const Verdict verdict = list_append(
      R"([["ok", 0, [["append", "x", 1], ["append", "y", 1]]], ["ok", 1, [["append", "x", 1]]], ["ok", 2, [["r", "x", [1]], ["r", "y", [1]]]]])");
  CHECK(verdict.valid == Validity::unknown);
  CHECK(verdict.reason == "a value was appended twice to 1 key (the first is x): who wrote what was read is not known");
}

TEST_CASE("operations of the nemesis and of other functions are passed over") {
  History history =
      history_of(R"([["ok", 0, [["append", "x", 1]]], ["info", -1, "partition"], ["ok", 1, [["r", "x", [1]]]]])");
  Operation other;
  other.type = OpType::invoke;
  other.process = 5;
  other.f = Name("final-read");
  history.operations.push_back(other);
  const Result<Verdict> verdict = check_list_append(history, asking("serializable"));
  REQUIRE(verdict);
  CHECK(verdict->valid == Validity::valid);
  CHECK(verdict->operations == 2);
}

TEST_CASE("the memory allowed bounds the graph") {
  const Result<Verdict> verdict =
      check_list_append(history_of(R"([["ok", 0, [["append", "x", 1]]], ["ok", 1, [["r", "x", [1]]]]])"),
                        asking("serializable"), Budget({}, 10));
  REQUIRE(verdict);
  CHECK(verdict->valid == Validity::unknown);
}

TEST_CASE("a component too large for the memory allowed still shows one of its cycles") {
  // Each of 2,000 transactions reads what the one before it appended, and the first what the last did.
  History history;
  constexpr int kAll = 2000;
  for (int i = 0; i < kAll; ++i) {
    Operation operation;
    operation.type = OpType::ok;
    operation.process = i;
    operation.value =
        Value::list({Value::list({"append", i, 1}), Value::list({"r", (i + kAll - 1) % kAll, Value::list({1})})});
    history.operations.push_back(std::move(operation));
  }
  const auto judged = [&](std::uint64_t bytes) {
    const Result<Verdict> verdict = check_list_append(history, asking("serializable"), Budget({}, bytes));
    REQUIRE(verdict);
    return *verdict;
  };
  const Verdict small = judged(600'000), large = judged(10'000'000);
  CHECK(small.valid == Validity::invalid);
  CHECK(names_of(small) == Strings{"G1c"});
  CHECK(small.explanation.find("cycles through 2000 transactions at once") != std::string::npos);
  CHECK(small.explanation.find("(--memory)") != std::string::npos);
  CHECK(large.explanation.find("(--memory)") == std::string::npos);
  CHECK(large.anomalies.at("G1c")[0].details.find("cycle")->size() == kAll + 1);
}

TEST_CASE("time that has run out leaves unknown") {
  const Result<Verdict> verdict =
      check_list_append(history_of(kStale), asking("strict-serializable"), Budget([] { return true; }, UINT64_MAX));
  REQUIRE(verdict);
  CHECK(verdict->valid == Validity::unknown);
}

// elle-cli calls rw-register.edn valid. Nobody wrote the 3 that is read in it between the write of 2 and a read of 2:
// with 3 as what x held at first, it is serializable, and nothing that keeps its one process's order explains it.
TEST_CASE("elle-cli's rw-register.edn is serializable, and not session-serializable") {
  SmallHistory shrunk;
  shrunk.lists = false;
  const auto txn = [&](bool write, int value) {
    SmallTxn one;
    one.mops = {{write, 0, value, {}}};
    one.invoke = static_cast<int>(shrunk.txns.size()) * 2;
    one.complete = one.invoke + 1;
    shrunk.txns.push_back(one);
  };
  // The write of 3 stands for the unwritten value; wherever it goes, the process's order is broken.
  txn(true, 2);
  txn(false, 3);
  txn(false, 2);
  txn(true, 3);
  shrunk.txns[3].process = 9;
  shrunk.txns[3].type = OpType::info;
  shrunk.txns[3].invoke = -1;
  shrunk.txns[3].complete = 99;
  CHECK(serializable(shrunk, Order::none));
  CHECK_FALSE(serializable(shrunk, Order::process));
  const auto folder = corpus();
  if (!folder) return;
  const History history = read_corpus(*folder / "rw-register.edn");
  CHECK(check_rw_register(history, asking("serializable"))->valid == Validity::valid);
  const Result<Verdict> strict = check_rw_register(history, asking("strict-serializable"));
  REQUIRE(strict);
  CHECK(strict->valid == Validity::invalid);
  CHECK(strict->not_models == Strings{"strong-session-snapshot-isolation"});
}

TEST_CASE("version orders that contradict themselves are shown") {
  const Verdict verdict = rw_register(
      R"([["invoke", 0, [["w", "x", 1]]], ["ok", 0, [["w", "x", 1]]], ["invoke", 0, [["w", "x", 2]]], ["ok", 0, [["w", "x", 2]]],
                                          ["invoke", 0, [["r", "x", null]]], ["ok", 0, [["r", "x", 1]]]])",
      "strict-serializable");
  REQUIRE(verdict.anomalies.contains("cyclic-versions-process"));
  CHECK(verdict.anomalies.at("cyclic-versions-process")[0].text ==
        "x has versions each of which is before another of them:\n  1 before 2 (process)\n  2 before 1 (process)");
  CHECK(verdict.not_models == Strings{"strong-session-snapshot-isolation"});
}

TEST_CASE("two unwritten values of a key, or one beside a nil, are garbage") {
  CHECK(names_of(rw_register(R"([["ok", 0, [["r", "x", 7]]], ["ok", 1, [["r", "x", 8]]]])")).back() == "garbage-read");
  CHECK(
      rw_register(R"([["ok", 0, [["r", "x", 7]]], ["ok", 1, [["r", "x", null]]]])").anomalies.contains("garbage-read"));
  CHECK_FALSE(
      rw_register(R"([["ok", 0, [["r", "x", 7]]], ["ok", 1, [["w", "x", 8]]]])").anomalies.contains("garbage-read"));
}

// Values of every kind at every place: an error or a verdict, never a crash (also run with sanitizers).
TEST_CASE("nothing that a history may hold crashes a checker") {
  Random random(41);
  const std::vector<std::string> atoms = {
      "null",  "0",     "1",          "2",    "-1",       "4611686018427387904", "9223372036854775807", "1.5", "\"x\"",
      "\"r\"", "\"w\"", "\"append\"", "true", "{\"a\":1}"};
  const auto value = [&](const auto& self, int depth) -> std::string {
    if (depth == 0 || random.chance(0.3)) return atoms[random.below(atoms.size())];
    std::string text = "[";
    for (std::uint64_t i = random.below(4); i-- > 0;) text += self(self, depth - 1) + (i ? "," : "");
    return text + "]";
  };
  const auto mop = [&](bool lists) {
    const std::string f = random.chance(0.5) ? "\"r\"" : lists ? "\"append\"" : "\"w\"";
    std::string argument = atoms[random.below(5)];
    if (f == "\"r\"" && lists) argument = value(value, 1);
    if (f == "\"r\"" && lists && argument[0] != '[') argument = "null";
    return "[" + f + "," + atoms[random.below(4)] + "," + argument + "]";
  };
  std::size_t judged = 0;
  for (int round = 0; round < rounds(2000); ++round) {
    const bool lists = round % 2 == 0;
    std::string json = "[";
    const std::uint64_t count = random.below(12);
    for (std::uint64_t i = 0; i < count; ++i) {
      const char* types[] = {"invoke", "ok", "ok", "fail", "info"};
      std::string text;
      if (random.chance(0.02)) {
        text = value(value, 3);
      } else {
        text = "[";
        for (std::uint64_t m = random.below(4); m-- > 0;) text += mop(lists) + (m ? "," : "");
        text += "]";
      }
      json += (i ? "," : "") + std::string("[\"") + types[random.below(5)] + "\"," + std::to_string(random.below(3)) +
              "," + text + "]";
    }
    json += "]";
    INFO(json);
    const History history = history_of(json);
    for (const char* model : {"strict-serializable", "strong-session-serializable"}) {
      const Result<Verdict> verdict =
          lists ? check_list_append(history, asking(model)) : check_rw_register(history, asking(model));
      if (verdict)
        ++judged;
      else
        CHECK(verdict.error().kind == ErrorKind::bad_input);
    }
    for (const std::string_view level : weak_level_names()) {
      if (lists) break;
      const Result<Verdict> verdict = check_weak(history, *weak_level(level));
      if (!verdict) CHECK(verdict.error().kind == ErrorKind::bad_input);
    }
  }
  CHECK(judged > 1000);
}

}  // namespace
}  // namespace shaketable::isolation
