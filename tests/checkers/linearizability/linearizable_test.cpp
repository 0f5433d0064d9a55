#include "checkers/linearizability/linearizable.h"

#include <catch2/catch.hpp>

#include "history/readers.h"
#include "history/text.h"

namespace shaketable {

namespace {

// One EDN map a line.
History edn(std::string_view text) {
  History history;
  HistoryBuilder builder(history);
  const auto notes = read_history_text(text, "test", HistoryFormat::edn, {}, builder);
  if (!notes) FAIL(notes.error().message);
  return history;
}

Verdict check(std::string_view text, const LinearizableOptions& options = {}) {
  const auto verdict = check_linearizable(edn(text), options, Budget());
  if (!verdict) FAIL(verdict.error().message);
  return *verdict;
}

std::string error(std::string_view text, const LinearizableOptions& options = {}) {
  const auto verdict = check_linearizable(edn(text), options, Budget());
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().kind == ErrorKind::bad_input);
  return verdict.error().message;
}

LinearizableOptions options(std::string model, std::string_view initial = {}, bool keyed = false) {
  LinearizableOptions o;
  o.model = std::move(model);
  if (!initial.empty()) o.initial = *parse_edn(initial);
  o.keyed = keyed;
  return o;
}

constexpr std::string_view kStaleRead = R"({:process 0, :type :invoke, :f :write, :value 1}
{:process 0, :type :ok, :f :write, :value 1}
{:process 1, :type :invoke, :f :write, :value 2}
{:process 2, :type :invoke, :f :write, :value 3}
{:process 1, :type :ok, :f :write, :value 2}
{:process 3, :type :invoke, :f :read, :value nil}
{:process 3, :type :ok, :f :read, :value 1}
{:process 2, :type :info, :f :write, :value 3}
)";

}  // namespace

TEST_CASE("a stale read is explained by what was open and how far it can be linearized") {
  const Verdict verdict = check(kStaleRead);
  CHECK(verdict.valid == Validity::invalid);
  CHECK(verdict.operations == 4);
  CHECK(verdict.reason == "no order of the operations explains read → 1 (process 3), completed by operation 6");
  CHECK(verdict.explanation == R"(no order of the operations explains read → 1 (process 3), completed by operation 6.
Everything before that completion can be linearized.

Open at that moment:
  process 3    read → 1    operation 5, completed by 6   <- cannot be linearized
  process 2    write 3     operation 3, never completed

How far it can be linearized (1 way, 1 shown, the last steps of each; [brackets]: without effect):
  1. write 1 (process 0), write 2 (process 1)
     then the register holds 2: read → 1 is impossible
)");
  REQUIRE(verdict.anomalies.count("nonlinearizable") == 1);
  const Anomaly& anomaly = verdict.anomalies.at("nonlinearizable").at(0);
  CHECK(anomaly.text == verdict.explanation);
  CHECK(to_json(anomaly.details) == to_json(verdict.details));
  CHECK(*verdict.details.find("prefix") == Value(6));
}

TEST_CASE("nothing happened, nothing can be judged") {
  CHECK(check("").valid == Validity::unknown);
  CHECK(check("").reason == "too little to judge: the history is empty");
  const Verdict nemesis = check("{:process :nemesis, :type :info, :f :start, :value nil}");
  CHECK(nemesis.valid == Validity::valid);
  CHECK(nemesis.reason == "no client did anything, so nothing can be wrong");
  // What was tried and came to nothing was judged.
  const Verdict failed = check(R"({:process 0, :type :invoke, :f :write, :value 1}
{:process 0, :type :fail, :f :write, :value 1}
{:process 0, :type :invoke, :f :write, :value 1}
)");
  CHECK(failed.valid == Validity::valid);
}

TEST_CASE("each key is an object of its own") {
  constexpr std::string_view text = R"({:process 0, :type :invoke, :f :write, :value [1 5]}
{:process 0, :type :ok, :f :write, :value [1 5]}
{:process 0, :type :invoke, :f :read, :value [2 nil]}
{:process 0, :type :ok, :f :read, :value [2 nil]}
{:process 0, :type :invoke, :f :cas, :value [1 [5 6]]}
{:process 0, :type :ok, :f :cas, :value [1 [5 6]]}
)";
  CHECK(check(text, options("cas-register", "", true)).valid == Validity::valid);
  const std::string bad = std::string(text) + R"({:process 1, :type :invoke, :f :read, :value ["a" nil]}
{:process 2, :type :invoke, :f :read, :value [1 nil]}
{:process 1, :type :ok, :f :read, :value ["a" 5]}
{:process 2, :type :ok, :f :read, :value [1 5]}
)";
  // Both keys are violated; the one whose violation completes first is told.
  const Verdict verdict = check(bad, options("cas-register", "", true));
  CHECK(verdict.valid == Validity::invalid);
  CHECK(verdict.reason ==
        "key \"a\": no order of the operations explains read → 5 (process 1), completed by operation 8");
  CHECK(*verdict.details.find("key") == Value("a"));
}

TEST_CASE("a crashed write may take effect late or never") {
  constexpr std::string_view start = R"({:process 0, :type :invoke, :f :write, :value 1}
{:process 0, :type :info, :f :write, :value 1}
{:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value nil}
)";
  const std::string late = std::string(start) + R"({:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value 1}
)";
  CHECK(check(start).valid == Validity::valid);
  CHECK(check(late).valid == Validity::valid);
  const std::string back = late + R"({:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value nil}
)";
  CHECK(check(back).valid == Validity::invalid);
}

TEST_CASE("an invocation without completion has crashed, a completion without invocation began before the history") {
  CHECK(check(R"({:process 0, :type :invoke, :f :write, :value 1}
{:process 0, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :read, :value 1}
)")
            .valid == Validity::valid);
  CHECK(check(R"({:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value 4}
{:process 0, :type :ok, :f :write, :value 4}
)")
            .valid == Validity::valid);
}

TEST_CASE("what a nil read means is said by the caller") {
  constexpr std::string_view text = R"({:process 0, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :read, :value nil}
)";
  CHECK(check(text, options("register", "0")).valid == Validity::invalid);
  LinearizableOptions any = options("register", "0");
  any.nil_read = LinearizableOptions::any;
  CHECK(check(text, any).valid == Validity::valid);
}

TEST_CASE("what a model cannot take is an error that names the operation") {
  CHECK(error("", options("cas-regster")) == "there is no model 'cas-regster'; did you mean 'cas-register'?");
  CHECK(error("{:process 3, :type :invoke, :f :enqueue, :value 1}") ==
        "operation 0 (process 3, enqueue): 'enqueue' is not a function of a cas-register, which takes read, write and "
        "cas");
  CHECK(error("{:process 3, :type :invoke, :f :cas, :value 1}") ==
        "operation 0 (process 3, cas): cas takes [old new], not 1");
  CHECK(error("{:process 3, :type :invoke, :f :read, :value 1}", options("register", "", true)) ==
        "operation 0 (process 3, read): expected a [key value] tuple, not 1");
}

TEST_CASE("past a bound the answer is unknown, with how far it got") {
  // Crashed compare-and-sets among seven values, in any order and number, and a read of a value that none of them
  // leaves.
  std::string text =
      "{:process 98, :type :invoke, :f :read, :value nil}\n{:process 98, :type :ok, :f :read, :value 0}\n";
  for (int i = 0; i < 42; ++i)
    text += "{:process " + std::to_string(i) + ", :type :invoke, :f :cas, :value [" + std::to_string(i % 7) + " " +
            std::to_string((i / 7 + i + 1) % 7) + "]}\n";
  text += "{:process 99, :type :invoke, :f :read, :value nil}\n{:process 99, :type :ok, :f :read, :value 77}\n";
  for (int i = 0; i < 7; ++i)
    text += "{:process 99, :type :invoke, :f :read, :value nil}\n{:process 99, :type :ok, :f :read, :value " +
            std::to_string(i) + "}\n";
  const History history = edn(text);
  const auto time = check_linearizable(history, options("cas-register", "0"), Budget([] { return true; }, UINT64_MAX));
  REQUIRE(time);
  CHECK(time->valid == Validity::unknown);
  CHECK(time->reason ==
        "the time is up: linearizable up to event 45 of 60, 43 operations open there, 1 configurations");
  const auto memory = check_linearizable(history, options("cas-register", "0"), Budget({}, 1 << 20));
  REQUIRE(memory);
  CHECK(memory->valid == Validity::unknown);
  CHECK(memory->reason ==
        "the memory bound is reached: linearizable up to event 45 of 60, 43 operations open there, 1 configurations");
}

}  // namespace shaketable
