// Every checker, by its name, through `shaketable check`: a history that keeps the promise and one that breaks it.

#include <catch2/catch.hpp>
#include <set>

#include "history/text.h"
#include "tests/orchestrator/commands/history_lines.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

using Strings = std::vector<std::string>;

struct Case {
  const char* checker;
  Strings arguments;
  const char *good, *bad;
  const char* anomaly;  // of the bad one
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"linearizable", {"--model", "register", "--initial", "0"}, "0 read => 0", "0 read => 1", "nonlinearizable"},
      {"list-append",
       {"--consistency", "serializable"},
       "0 txn [[:append x 1]]\n1 txn [[:r x nil]] => [[:r x [1]]]",
       "0 txn [[:append x 1] [:append y 1]]\n1 txn [[:r x nil] [:r y nil]] => [[:r x [1]] [:r y []]]",
       "G-single-item"},
      {"rw-register",
       {"--consistency", "serializable"},
       "0 txn [[:w x 1]]\n1 txn [[:r x nil]] => [[:r x 1]]",
       "0 txn [[:w x 1] [:w y 1]]\n1 txn [[:r x nil] [:r y nil]] => [[:r x 1] [:r y nil]]",
       "G-single-item"},
      {"weak-register",
       {"--consistency", "monotonic-reads,PRAM"},
       "0 txn [[:w x 1]]\n1 txn [[:r x nil]] => [[:r x 1]]",
       "0 txn [[:w x 1]]\n0 txn [[:w x 2]]\n1 txn [[:r x nil]] => [[:r x 2]]\n1 txn [[:r x nil]] => [[:r x 1]]",
       "PRAM-violation"},
      {"bank", {"--set", "total=10"}, "0 read => {a 4, b 6}", "0 read => {a 4, b 7}", "wrong-total"},
      {"bank",
       {"--set", "negative-balances=true"},
       "0 read => {a -4, b 6}\n0 read => {a 1, b 1}",
       "0 read => {a 4, b 6}\n0 read => {a 4, b 5}\n0 read => {a 4, b 6}",
       "wrong-total"},
      {"bank", {}, "0 read => {a 4, b 6}", "0 read => {a -4, b 6}", "negative-value"},
      {"set", {}, "0 add 1\n0 read => [1]", "0 add 1\n0 add 2\n0 read => [2]", "lost"},
      {"set-full", {}, "0 add 1\n0 read => [1]", "0 add 1\n0 read => [1 1]", "duplicate"},
      {"set-full",
       {"--set", "linearizable=true"},
       "0 add 1\n0 read => [1]",
       "0 add 1\n0 read => []\n0 read => [1]",
       "stale"},
      {"counter", {"--set", "initial=5"}, "0 add 2\n0 add -4\n0 read => 3", "0 add 2\n0 read => 6", "impossible-read"},
      {"queue", {}, "0 enqueue 1\n0 dequeue => 1", "0 enqueue 1\n0 dequeue => 2", "unexpected"},
      {"total-queue", {}, "0 enqueue 1\n0 drain => [1]", "0 enqueue 1\n0 enqueue 2\n0 drain => [1]", "lost"},
      {"total-queue",
       {"--set", "duplicates-invalidate=true"},
       "0 enqueue 1\n0 drain => [1]",
       "0 enqueue 1\n0 drain => [1 1]",
       "duplicated"},
      {"unique-ids", {"--set", "f=make"}, "0 make => 1\n0 make => 2", "0 make => 1\n0 make => 1", "duplicate-id"},
      {"long-fork",
       {},
       "0 txn [[:w x 1]]\n1 txn [[:w y 1]]\n2 txn [[:r x nil] [:r y nil]] => [[:r x 1] [:r y 1]]",
       "0 invoke txn [[:w x 1]]\n1 invoke txn [[:w y 1]]\n"
       "2 txn [[:r x nil] [:r y nil]] => [[:r x 1] [:r y nil]]\n3 txn [[:r x nil] [:r y nil]] => [[:r x nil] [:r y 1]]",
       "long-fork"},
      {"causal", {}, "0 write 1\n0 read => 1", "0 write 1\n0 write 2\n0 read => 1", "stale-read"},
      {"causal-reverse",
       {},
       "0 write 1\n1 write 2\n2 read => [1 2]",
       "0 write 1\n1 write 2\n2 read => [2]",
       "causal-reverse"},
      {"monotonic", {}, "0 read => 1\n1 read => 2", "0 read => 2\n1 read => 1", "nonmonotonic-realtime"},
      {"g2", {}, "0 insert [1 [10 nil]]\n1 insert [2 [nil 11]]", "0 insert [1 [10 nil]]\n1 insert [1 [nil 11]]", "G2"},
      {"checksum",
       {},
       "0 write \"352441c2:abc\"\n0 read => \"352441c2:abc\"",
       "0 write \"352441c2:abc\"\n0 read => \"352441c2:abd\"",
       "corrupt"},
      {"kafka",
       {},
       "0 send [[:send k 1]] => [[:send k [0 1]]]\n1 assign [k]\n1 poll [[:poll]] => [[:poll {k [[0 1]]}]]",
       "0 send [[:send k 1]] => [[:send k [0 1]]]\n0 send [[:send k 2]] => [[:send k [1 2]]]\n1 assign [k]\n"
       "1 poll [[:poll]] => [[:poll {k [[0 1] [1 2]]}]]\n1 poll [[:poll]] => [[:poll {k [[0 9]]}]]",
       "inconsistent-offsets"},
      {"kafka",
       {"--set", "kafka.drained=true"},
       "0 send [[:send k 1]] => [[:send k [0 1]]]\n1 assign [k]\n1 poll [[:poll]] => [[:poll {k [[0 1]]}]]",
       "0 send [[:send k 1]] => [[:send k [0 1]]]\n0 send [[:send k 2]] => [[:send k [1 2]]]\n1 assign [k]\n"
       "1 poll [[:poll]] => [[:poll {k [[0 1]]}]]",
       "unseen"},
      {"lock",
       {},
       "0 acquire => 1\n0 use 1\n0 release\n1 acquire => 2\n1 use 2",
       "0 acquire => 1\n1 acquire => 2\n0 release",
       "two-holders"},
      {"lock",
       {"--set", "exclusive=false"},
       "0 acquire => 1\n1 acquire => 2\n0 release",
       "0 acquire => 1\n1 acquire => 2\n1 use 2\n0 use 1",
       "stale-token-accepted"},
      {"lock",
       {"--set", "grant-within=10ms"},
       "0 acquire => 1",
       "0 invoke acquire\n1 read\n0 ok acquire 1",
       "late-grant"},
      {"leader", {}, "0 who => [1 n1]\n1 who => [2 n2]", "0 who => [1 n1]\n1 who => [1 n2]", "two-leaders"},
      {"lease",
       {},
       "0 grant => 7\n0 renew 7 => 1000",
       "0 grant => 7\n0 renew 7 => 1000\n0 renew 7 => nil",
       "revoked-early"},
      {"watch", {}, "0 write 5 => 3\n1 watch 2 => [[3 5]]", "0 write 5 => 3\n1 watch 3 => [[3 5]]", "back-in-time"},
      {"watch",
       {},
       "0 write 5 => 3\n0 write 6 => 4\n1 watch nil => [[3 5]]",
       "0 write 5 => 3\n0 write 6 => 4\n1 watch nil => [[4 6]]",
       "missed"},
      {"exactly-once", {}, "0 apply 1\n0 read => [1]", "0 apply 1\n0 read => [1 1]", "repeated-effect"},
      {"last-write",
       {},
       "0 write 1\n0 write 2\n0 read => 2",
       "0 write 1\n0 write 2\n0 read => 1",
       "lost-to-older-write"},
      {"timestamps", {"--set", "strict=true"}, "0 now => 1\n1 now => 2", "0 now => 1\n1 now => 1", "timestamp-order"},
      {"availability",
       {"--set", "max-stall=100ms"},
       "0 read => 1\n0 read => 1",
       "0 read => 1\n0 invoke read\n1 invoke read\n2 invoke read\n3 invoke read\n4 invoke read\n5 invoke read\n"
       "6 invoke read\n7 invoke read\n8 invoke read\n9 invoke read\n10 invoke read\n11 read => 1",
       "stall"},
      {"failure-detector", {}, "0 suspect n1\n0 trust n1", "0 suspect n1", "false-suspicion"},
  };
  return all;
}

std::string written(const Scratch& scratch, const std::string& lines) {
  const std::string path = scratch / "history.edn";
  std::ofstream(path) << edn_of(lines);
  return path;
}

Said check(const std::string& path, const std::string& checker, const Strings& more) {
  Strings arguments = {"check", path, "--checker", checker, "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_shaketable(arguments);
}

Value json_of(const Said& said) {
  const auto parsed = parse_json(said.out);
  INFO(said.out << said.err);
  REQUIRE(parsed);
  return *parsed;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

Strings strings(const Value& list) {
  Strings all;
  for (const Value& item : list.items()) all.emplace_back(item.text());
  return all;
}

}  // namespace

TEST_CASE("every checker finds what it is for and lets pass what is right") {
  Scratch scratch;
  for (const Case& one : cases()) {
    INFO(one.checker << "\n" << one.good);
    const Said good = check(written(scratch, one.good), one.checker, one.arguments);
    INFO(good.out << good.err);
    if (std::string(one.checker) == "failure-detector") {
      // Nobody was down: what is suspected is so falsely, and without suspicions there is nothing to judge.
      CHECK(good.exit_code == 1);
    } else {
      CHECK(good.exit_code == 0);
      CHECK(json_of(good).find("valid")->boolean());
    }
    INFO(one.bad);
    const Said bad = check(written(scratch, one.bad), one.checker, one.arguments);
    INFO(bad.out << bad.err);
    CHECK(bad.exit_code == 1);
    const Value json = json_of(bad);
    CHECK(json.find("schema")->integer() == 1);
    CHECK_FALSE(json.find("valid")->boolean());
    CHECK(json.find("checker")->text() == one.checker);
    CHECK(json.find("operations")->integer() > 0);
    CHECK_FALSE(json.find("reason")->text().empty());
    CHECK(json.find("anomalies")->find(one.anomaly));
  }
}

TEST_CASE("no checker is left out of these tests") {
  std::set<std::string> tested;
  for (const Case& one : cases()) tested.insert(one.checker);
  const Value listed = json_of(run_shaketable({"list", "checkers", "--json"}));
  for (const Value& checker : listed.items()) {
    INFO(checker.find("name")->text());
    CHECK(tested.contains(std::string(checker.find("name")->text())));
  }
  CHECK(listed.size() == 27);
}

TEST_CASE("a checker's parameters have one clear error each") {
  Scratch scratch;
  const std::string path = written(scratch, "0 read => {a 1}");
  const auto error = [&](const Strings& more) {
    Strings arguments = {"check", path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Said said = run_shaketable(arguments);
    CHECK(said.exit_code == 3);
    CHECK(said.out.empty());
    return said.err;
  };
  CHECK(contains(error({"--checker", "bank", "--set", "total=many"}),
                 "--set total=many: total must be a whole number, not \"many\""));
  CHECK(contains(error({"--checker", "bank", "--set", "totl=5"}),
                 "--set totl=5: no checker that --checker names takes \"totl\", did you mean \"total\"?"));
  CHECK(contains(error({"--checker", "bank", "--set", "set.total=5"}), "set.total=5: set does not take \"total\""));
  CHECK(contains(error({"--checker", "bank", "--set", "total"}), "write it as NAME=VALUE or CHECKER.NAME=VALUE"));
  CHECK(contains(error({"--checker", "bank", "--set", "total="}), "total has no value"));
  CHECK(contains(error({"--checker", "bank", "--model", "register"}), "no checker that --checker names takes"));
  CHECK(contains(error({"--set", "total=5"}), "--set total=5 belongs to a checker: add --checker NAME"));
  CHECK(contains(error({"--checker", "availability", "--set", "max-stall=5"}), "the unit is missing"));
  CHECK(contains(error({"--checker", "list-append", "--consistency", "strict-serialisable"}),
                 "did you mean \"strict-serializable\"?"));
  CHECK(contains(error({"--checker", "rw-register", "--set", "version-orders=[realtime, proces]"}),
                 "did you mean \"process\"?"));
  CHECK(contains(error({"--checker", "rw-register", "--set", "anomalies=G-singel"}), "did you mean \"G-single\"?"));
  CHECK(contains(error({"--checker", "rw-register", "--consistency", "none"}), "needs `anomalies`"));
  CHECK(contains(error({"--checker", "weak-register", "--consistency", "serializable"}), "consistency must be"));
}

TEST_CASE("keyed values are judged key by key") {
  Scratch scratch;
  const std::string path =
      written(scratch, "0 add [1 7]\n1 add [2 8]\n0 read [1 nil] => [1 [7]]\n0 read [2 nil] => [2 []]");
  const Value json = json_of(check(path, "set", {"--keyed"}));
  CHECK_FALSE(json.find("valid")->boolean());
  CHECK(json.find("details")->find("bad-keys")->items()[0] == Value(2));
  CHECK(json_of(check(path, "set", {"--set", "keyed=true"})).find("details") != nullptr);
}

TEST_CASE("several checkers on one history each get their own parameters") {
  Scratch scratch;
  const std::string path = written(scratch, "0 add 1\n0 read => [1 1]");
  const Said said = run_shaketable({"check", path, "--checker", "set", "--checker", "set-full", "--checker", "counter",
                                    "--set", "counter.initial=3", "--json"});
  CHECK(said.exit_code == 1);
  const Value three = json_of(said);
  CHECK(three.find("checkers")->size() == 3);
  CHECK((*three.find("checkers"))[2].find("reason")->text() == "no read gave a whole number");
  const Said two = run_shaketable(
      {"check", path, "--checker", "set", "--checker", "set-full", "--set", "set-full.linearizable=true", "--json"});
  CHECK(two.exit_code == 1);
  const Value json = json_of(two);
  REQUIRE(json.find("checkers")->size() == 2);
  CHECK((*json.find("checkers"))[0].find("valid")->boolean());
  CHECK_FALSE((*json.find("checkers"))[1].find("valid")->boolean());
}

TEST_CASE("rw-register takes its version orders from the command line") {
  Scratch scratch;
  // Process 1 reads 1 again after 2 was written and seen: stale, by the order of the key in real time.
  const std::string path = written(scratch,
                                   "0 txn [[:w x 1]]\n0 txn [[:w x 2]]\n1 txn [[:r x nil]] => [[:r x 2]]\n"
                                   "2 txn [[:r x nil]] => [[:r x 1]]");
  const auto judged = [&](const Strings& more) {
    const Value json = json_of(check(path, "rw-register", more));
    return std::pair(to_json(*json.find("valid")), strings(*json.find("not")));
  };
  CHECK(judged({"--consistency", "serializable"}) == std::pair(std::string("true"), Strings{}));
  CHECK(judged({}) == std::pair(std::string("false"), Strings{"strong-snapshot-isolation"}));
  CHECK(judged({"--set", "orders-of-model=false"}) == std::pair(std::string("true"), Strings{}));
  CHECK(judged({"--consistency", "serializable", "--set", "version-orders=[initial-state, realtime]"}) ==
        std::pair(std::string("false"), Strings{"read-uncommitted"}));
  CHECK(judged({"--consistency", "serializable", "--set", "version-orders=process"}).first == "true");
}

TEST_CASE("rw-register reaches the weak levels by the names of their models") {
  Scratch scratch;
  const std::string path = written(scratch,
                                   "0 txn [[:w x 1]]\n2 txn [[:w x 2]]\n1 txn [[:r x nil]] => [[:r x 1]]\n"
                                   "1 txn [[:r x nil]] => [[:r x 2]]\n1 txn [[:r x nil]] => [[:r x 1]]");
  const auto judged = [&](const char* level) {
    const Value json = json_of(check(path, "rw-register", {"--consistency", level}));
    CHECK(json.find("checker")->text() == "rw-register");
    return std::pair(to_json(*json.find("valid")), strings(*json.find("not")));
  };
  const auto broken = [](const char* level) { return std::pair(std::string("false"), Strings{level}); };
  CHECK(judged("monotonic-reads") == broken("monotonic-reads"));
  CHECK(judged("PRAM") == broken("PRAM"));
  CHECK(judged("causal") == broken("causal"));
  CHECK(judged("sequential") == broken("sequential"));
  CHECK(judged("read-your-writes").first == "true");
  CHECK(judged("monotonic-writes").first == "true");
  CHECK(judged("writes-follow-reads").first == "true");
  CHECK(judged("read-atomic").first == "true");
  CHECK(judged("read-committed").first == "true");
  CHECK(judged("serializable").first == "true");
  // What no checker of transactions can judge is not passed.
  CHECK(judged("linearizable").first == "\"unknown\"");
  const Value both = json_of(check(path, "rw-register", {"--consistency", "serializable,causal"}));
  CHECK(strings(*both.find("not")) == Strings{"causal"});
  CHECK(to_json(*both.find("details")->find("levels")) == "{\"causal\":false}");
}

TEST_CASE("a cycle in JSON has its operations, a sentence an edge, and its drawing") {
  Scratch scratch;
  const std::string path =
      written(scratch, "0 txn [[:append x 1] [:append y 1]]\n1 txn [[:r x nil] [:r y nil]] => [[:r x [1]] [:r y []]]");
  const Value json = json_of(check(path, "list-append", {"--consistency", "serializable"}));
  const Value& found = (*json.find("anomalies")->find("G-single-item"))[0];
  const Value& details = *found.find("details");
  CHECK(to_json(*details.find("cycle")) == "[1,3,1]");
  REQUIRE(details.find("steps")->size() == 2);
  CHECK((*details.find("steps"))[0].find("text")->text() == "T2 read x = [1] after T1 had appended 1");
  CHECK((*details.find("steps"))[1].find("text")->text() ==
        "T1 appended 1 to y after T2 had read y = [], which is all that any read saw");
  CHECK((*details.find("steps"))[1].find("type")->text() == "rw");
  CHECK(details.find("transactions")->size() == 2);
  CHECK(details.find("dot")->text().starts_with("digraph cycle {"));
  CHECK(strings(*json.find("not")) == Strings{"consistent-view", "repeatable-read"});
  CHECK(json.find("also_not")->size() > 0);
}

TEST_CASE("a history that does not fit the memory allowed is unknown and says so") {
  Scratch scratch;
  std::string sets, txns;
  for (int i = 0; i < 3000; ++i) {
    sets += fmt::format("0 add {}\n", i);
    txns += fmt::format("0 txn [[:append x {}]]\n", i);
  }
  sets += "0 read => [1]";
  txns += "0 txn [[:r x nil]] => [[:r x [0 2]]]";
  const auto reason = [&](const std::string& lines, const char* checker, const char* memory) {
    const Said said = check(written(scratch, lines), checker, {"--memory", memory});
    CHECK(said.exit_code == 2);
    return std::string(json_of(said).find("reason")->text());
  };
  CHECK(contains(reason(sets, "set", "64KiB"), "64.0 KiB (--memory)"));
  CHECK(contains(reason(txns, "list-append", "16KiB"), "16.0 KiB (--memory)"));
  CHECK(contains(reason(sets, "availability", "64KiB"), "(--memory)"));
  CHECK(check(written(scratch, sets), "set", {"--memory", "64MiB"}).exit_code == 1);
}

TEST_CASE("a history that cannot be read in the time allowed is unknown and says so") {
  Scratch scratch;
  std::string sets;
  for (int i = 0; i < 5000; ++i) sets += fmt::format("0 add {}\n", i);
  const std::string path = written(scratch, sets + "0 read => [1]");
  for (const char* checker : {"set", "list-append", "availability"}) {
    INFO(checker);
    const Said said = check(path, checker, {"--timeout", "1us"});
    INFO(said.out << said.err);
    CHECK(said.exit_code == 2);
    const Value json = json_of(said);
    CHECK(json.find("checker")->text() == checker);
    CHECK(json.find("reason")->text() == "the time for the check, 1us (--timeout), ended while the history was read");
  }
}
