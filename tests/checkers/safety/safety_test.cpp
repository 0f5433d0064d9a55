#include "checkers/safety/safety.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "history/text.h"

namespace shaketable {
namespace {

using Strings = std::vector<std::string>;
constexpr std::int64_t kMs = 1'000'000;

// [[type, process, f, value, milliseconds], ...]; without the last a millisecond an event.
History history_of(std::string_view json) {
  const Result<Value> parsed = parse_json(json);
  INFO(json);
  REQUIRE(parsed);
  History history;
  for (const Value& row : parsed->items()) {
    Operation op;
    const std::string_view type = row[0].text();
    op.type = type == "invoke" ? OpType::invoke
              : type == "ok"   ? OpType::ok
              : type == "fail" ? OpType::fail
                               : OpType::info;
    op.process = row[1].integer();
    op.f = Name(row[2].text());
    op.value = row[3];
    op.time_ns = row.size() > 4 ? row[4].integer() * kMs : static_cast<std::int64_t>(history.operations.size()) * kMs;
    history.operations.push_back(std::move(op));
  }
  return history;
}

Verdict check(std::string_view name, std::string_view json, std::string_view options = "null",
              std::vector<FaultWindow> faults = {}) {
  const Result<Value> parsed = parse_json(options);
  REQUIRE(parsed);
  const Result<Verdict> verdict = check_safety(name, history_of(json), *parsed, faults, Budget());
  INFO((verdict ? "" : verdict.error().message));
  REQUIRE(verdict);
  return *verdict;
}

Strings found(const Verdict& verdict) {
  Strings names;
  for (const auto& [name, _] : verdict.anomalies) names.push_back(name);
  return names;
}

TEST_CASE("a lock that one after another holds is fine") {
  const Verdict verdict = check(
      "lock",
      R"([["invoke",0,"acquire",null],["ok",0,"acquire",1],["invoke",1,"acquire",null],["invoke",0,"release",null],
                                            ["ok",1,"acquire",2],["ok",0,"release",null],["invoke",1,"use",2],["ok",1,"use",2]])");
  CHECK(verdict.valid == Validity::valid);
  CHECK(check("lock", "[]").valid == Validity::unknown);
}

TEST_CASE("two holders at once") {
  constexpr const char* kTwo =
      R"([["invoke",0,"acquire","a"],["ok",0,"acquire",1],["invoke",1,"acquire","a"],["ok",1,"acquire",2],
                                   ["invoke",0,"release","a"],["ok",0,"release","a"]])";
  const Verdict verdict = check("lock", kTwo);
  CHECK(found(verdict) == Strings{"two-holders"});
  CHECK(verdict.anomalies.at("two-holders")[0].text ==
        "operation 2 (process 1, 3ms) was granted the lock while operation 0 (process 0, 1ms) surely held it");
  CHECK(check("lock", kTwo, R"({"exclusive": false})").valid == Validity::valid);
}

TEST_CASE("who was never heard of again may have lost the lock") {
  // Process 0 crashed on some other operation; after that nobody knows whether it still holds.
  CHECK(check("lock", R"([["invoke",0,"acquire",null],["ok",0,"acquire",1],["invoke",0,"use",1],["info",0,"use",1],
                          ["invoke",1,"acquire",null],["ok",1,"acquire",2]])")
            .valid == Validity::valid);
}

TEST_CASE("a lease bounds what is certain") {
  constexpr const char* kLease =
      R"([["invoke",0,"acquire",null,0],["ok",0,"acquire",1,10],["invoke",1,"acquire",null,200],["ok",1,"acquire",2,210],
                                     ["invoke",0,"use",1,300],["fail",0,"use",1,310]])";
  CHECK(found(check("lock", kLease)) == Strings{"two-holders"});
  CHECK(found(check("lock", kLease, R"({"lease": "250ms"})")) == Strings{"two-holders"});
  CHECK(check("lock", kLease, R"({"lease": "100ms"})").valid == Validity::valid);
}

TEST_CASE("fencing tokens: unique, growing, and the stale refused") {
  CHECK(found(check(
            "lock",
            R"([["invoke",0,"acquire",null],["ok",0,"acquire",7],["invoke",0,"release",null],["ok",0,"release",null],
                                ["invoke",1,"acquire",null],["ok",1,"acquire",7]])")) == Strings{"duplicate-token"});
  CHECK(found(check(
            "lock",
            R"([["invoke",0,"acquire",null],["ok",0,"acquire",7],["invoke",0,"release",null],["ok",0,"release",null],
                                ["invoke",1,"acquire",null],["ok",1,"acquire",6]])")) == Strings{"token-order"});
  constexpr const char* kStale = R"([["invoke",1,"use",2],["ok",1,"use",2],["invoke",0,"use",1],["%",0,"use",1]])";
  std::string accepted = kStale, refused = kStale;
  accepted.replace(accepted.find('%'), 1, "ok");
  refused.replace(refused.find('%'), 1, "fail");
  CHECK(found(check("lock", accepted)) == Strings{"stale-token-accepted"});
  CHECK(check("lock", refused).valid == Validity::valid);
  // At the same time: either order is possible.
  CHECK(check("lock", R"([["invoke",1,"use",2],["invoke",0,"use",1],["ok",1,"use",2],["ok",0,"use",1]])").valid ==
        Validity::valid);
  // Of two locks, tokens have nothing to do with each other.
  CHECK(
      check("lock",
            R"([["invoke",1,"use",["a",2]],["ok",1,"use",["a",2]],["invoke",0,"use",["b",1]],["ok",0,"use",["b",1]]])")
          .valid == Validity::valid);
}

TEST_CASE("a lock is granted within a bound") {
  constexpr const char* kSlow = R"([["invoke",0,"acquire",null,0],["ok",0,"acquire",1,900]])";
  CHECK(found(check("lock", kSlow, R"({"grant-within": "500ms"})")) == Strings{"late-grant"});
  CHECK(check("lock", kSlow, R"({"grant-within": 1})").valid == Validity::valid);
  // Nobody ever answered.
  const Verdict never = check(
      "lock",
      R"([["invoke",0,"acquire",null,0],["invoke",1,"acquire",null,0],["ok",1,"acquire",1,9],["ok",1,"release",null,900]])",
      R"({"grant-within": "500ms"})");
  CHECK(found(never) == Strings{"late-grant"});
  CHECK(never.anomalies.at("late-grant")[0].text ==
        "operation 0 (process 0, 0ns) waited 900ms for the lock, and was not granted it");
}

TEST_CASE("one leader a term") {
  CHECK(
      check(
          "leader",
          R"([["invoke",0,"status",null],["ok",0,"status",{"term":1,"leader":"n1"}],["invoke",1,"status",null],["ok",1,"status",[2,"n2"]]])")
          .valid == Validity::valid);
  CHECK(found(check("leader", R"([["ok",0,"status",[3,"n1"]],["ok",1,"status",[3,"n2"]]])")) == Strings{"two-leaders"});
  CHECK(check("leader", R"([["ok",0,"status",[3,"n1"]],["ok",1,"status",[3,null]]])").valid == Validity::valid);
  CHECK(found(check("leader", R"([["invoke",0,"status",null],["ok",0,"status",{"node":"n1","term":5,"leader":"n1"}],
                                  ["invoke",0,"status",null],["ok",0,"status",{"node":"n1","term":4,"leader":"n2"}]])")) ==
        Strings{"term-regress"});
  // Another node may be behind.
  CHECK(check("leader", R"([["invoke",0,"status",null],["ok",0,"status",{"node":"n1","term":5,"leader":"n1"}],
                            ["invoke",0,"status",null],["ok",0,"status",{"node":"n2","term":4,"leader":"n2"}]])")
            .valid == Validity::valid);
  CHECK(check("leader", R"([["ok",0,"status",null]])").valid == Validity::unknown);
}

TEST_CASE("a lease that was renewed in time is there until that time is over") {
  const auto lease = [](const std::string& rest) {
    return check("lease", R"([["invoke",0,"grant",null,0],["ok",0,"grant",7,1],["invoke",0,"renew",7,10],)" + rest);
  };
  // Granted for 100 ms at 10 ms, at the earliest: until 110 ms.
  const std::string renewed = R"(["ok",0,"renew",100,20],["invoke",1,"renew",7,30],)";
  CHECK(found(lease(renewed + R"(["ok",1,"renew",null,109]])")) == Strings{"revoked-early"});
  CHECK(lease(renewed + R"(["ok",1,"renew",null,110]])").valid == Validity::valid);
  // The promise that ends last counts, and one that nobody heard of is none.
  CHECK(found(lease(renewed + R"(["ok",1,"renew",100,40],["invoke",0,"renew",7,50],["ok",0,"renew",null,129]])")) ==
        Strings{"revoked-early"});
  CHECK(lease(R"(["info",0,"renew",7,20],["invoke",1,"renew",7,30],["ok",1,"renew",null,40],
                 ["invoke",2,"grant",null,50],["ok",2,"grant",8,60],["invoke",2,"renew",8,70],["ok",2,"renew",100,80]])")
            .valid == Validity::valid);
  // One that was gone is renewed.
  CHECK(found(lease(R"(["ok",0,"renew",null,20],["invoke",0,"renew",7,30],["ok",0,"renew",100,40]])")) ==
        Strings{"revoked-early"});
  CHECK(check("lease", R"([["invoke",0,"grant",null],["ok",0,"grant",7]])").valid == Validity::unknown);
}

TEST_CASE("watches tell of changes in order and leave none out") {
  const auto watch = [](const std::string& asked, const std::string& told) {
    return check("watch",
                 R"([["invoke",0,"write",5],["ok",0,"write",3],["invoke",0,"write",6],["ok",0,"write",5],
                     ["invoke",0,"write",7],["ok",0,"write",8],["invoke",1,"watch",)" +
                     asked + R"(],["ok",1,"watch",)" + told + "]]");
  };
  CHECK(watch("null", "[[3,5],[5,6],[8,7]]").valid == Validity::valid);
  CHECK(watch("3", "[[5,6],[6,9]]").valid == Validity::valid);  // 6: nobody heard of that write; 8: not told yet
  CHECK(watch("3", "[]").valid == Validity::unknown);
  CHECK(found(watch("3", "[[3,5],[5,6]]")) == Strings{"back-in-time"});
  CHECK(found(watch("null", "[[3,5],[8,7],[5,6]]")) == Strings{"back-in-time"});
  CHECK(found(watch("null", "[[3,5],[3,5]]")) == Strings{"back-in-time"});
  CHECK(found(watch("null", "[[3,5],[8,7]]")) == Strings{"missed"});
  CHECK(found(watch("3", "[[5,7]]")) == Strings{"wrong-value"});
}

TEST_CASE("effects exactly once under retry") {
  constexpr const char* kRetry =
      R"([["invoke",0,"apply",1],["info",0,"apply",1],["invoke",1,"apply",1],["ok",1,"apply",1],["invoke",1,"apply",2],["fail",1,"apply",2],
                                     ["invoke",2,"read",null],["ok",2,"read",%]])";
  const auto reading = [&](const char* answer) {
    std::string json = kRetry;
    json.replace(json.find('%'), 1, answer);
    return check("exactly-once", json);
  };
  CHECK(reading("[1]").valid == Validity::valid);
  CHECK(found(reading("[1,1]")) == Strings{"repeated-effect"});
  CHECK(found(reading("[]")) == Strings{"lost-effect"});
  CHECK(found(reading("[1,2]")) == Strings{"phantom-effect"});
  CHECK(found(reading("[1,9]")) == Strings{"phantom-effect"});
}

TEST_CASE("the last write stays") {
  const Verdict verdict = check(
      "last-write",
      R"([["invoke",0,"write",["k",1],0],["ok",0,"write",["k",1],10],["invoke",1,"write",["k",2],260],["ok",1,"write",["k",2],270],
                                                  ["invoke",2,"read",["k",null],300],["ok",2,"read",["k",1],301]])");
  CHECK(found(verdict) == Strings{"lost-to-older-write"});
  CHECK(verdict.anomalies.at("lost-to-older-write")[0].text ==
        "operation 4 (process 2, 301ms) finds \"k\" = 1, written by operation 0 (process 0, 10ms); operation 2 "
        "(process 1, 270ms) wrote 2 after that (250ms later: clocks that decide were at least so far "
        "apart), and was acknowledged");
  // Concurrent writes: either may be the last.
  CHECK(
      check(
          "last-write",
          R"([["invoke",0,"write",1],["invoke",1,"write",2],["ok",1,"write",2],["ok",0,"write",1],["invoke",2,"read",null],["ok",2,"read",1]])")
          .valid == Validity::valid);
  // Only the last read counts: a stale one is another checker's business.
  CHECK(
      check(
          "last-write",
          R"([["invoke",0,"write",1],["ok",0,"write",1],["invoke",0,"write",2],["ok",0,"write",2],["invoke",2,"read",null],["ok",2,"read",1],["invoke",2,"read",null],["ok",2,"read",2]])")
          .valid == Validity::valid);
}

TEST_CASE("timestamps follow real time") {
  CHECK(check("timestamps",
              R"([["invoke",0,"commit",null],["ok",0,"commit",5],["invoke",1,"commit",null],["ok",1,"commit",6]])")
            .valid == Validity::valid);
  CHECK(found(check(
            "timestamps",
            R"([["invoke",0,"commit",null],["ok",0,"commit",5],["invoke",1,"commit",null],["ok",1,"commit",4]])")) ==
        Strings{"timestamp-order"});
  constexpr const char* kEqual =
      R"([["invoke",0,"commit",null],["ok",0,"commit",5],["invoke",1,"commit",null],["ok",1,"commit",5]])";
  CHECK(check("timestamps", kEqual).valid == Validity::valid);
  CHECK(found(check("timestamps", kEqual, R"({"strict": true})")) == Strings{"timestamp-order"});
  // Overlapping intervals of confidence say nothing; one wholly in the past does.
  CHECK(check("timestamps",
              R"([["invoke",0,"now",null],["ok",0,"now",[5,9]],["invoke",1,"now",null],["ok",1,"now",[3,6]]])")
            .valid == Validity::valid);
  CHECK(
      found(check("timestamps",
                  R"([["invoke",0,"now",null],["ok",0,"now",[5,9]],["invoke",1,"now",null],["ok",1,"now",[2,4]]])")) ==
      Strings{"timestamp-order"});
  CHECK(found(check("timestamps", R"([["ok",0,"now",[5,4]],["ok",0,"now",1],["ok",0,"now",1]])")) ==
        Strings{"empty-interval"});
}

// An operation every 100 ms that takes 10 ms, but for those that `outcome` says otherwise of.
template <class Outcome>
std::string every_100ms(int seconds, const Outcome& outcome) {
  std::string json = "[";
  for (int ms = 0; ms < seconds * 1000; ms += 100) {
    const std::string process = std::to_string(ms % 1000 / 100);
    json += (ms ? "," : "") + std::string("[\"invoke\",") + process + ",\"read\",null," + std::to_string(ms) + "],[\"" +
            outcome(ms) + "\"," + process + ",\"read\",null," + std::to_string(ms + 10) + "]";
  }
  return json + "]";
}

TEST_CASE("stalls and recovery after a fault") {
  const std::vector<FaultWindow> faults = {{"partition", {"n1"}, 3000 * kMs, 6000 * kMs}};
  const std::string slow = every_100ms(12, [](int ms) { return ms >= 3000 && ms < 7500 ? "fail" : "ok"; });
  const Verdict measured = check("availability", slow, "null", faults);
  CHECK(measured.valid == Validity::valid);
  // The last success is at 2,910 ms, the next attempt at 3,000 ms, the next success at 7,510 ms.
  CHECK(measured.details.find("longest-stall-ms")->real() == Approx(4510));
  CHECK((*measured.details.find("recoveries"))[0].find("recovery-ms")->real() == Approx(1510));
  CHECK(found(check("availability", slow, R"({"max-stall": "4s"})", faults)) == Strings{"stall"});
  CHECK(check("availability", slow, R"({"max-stall": "5s"})", faults).valid == Validity::valid);
  CHECK(found(check("availability", slow, R"({"recover-within": "1s"})", faults)) == Strings{"slow-recovery"});
  CHECK(check("availability", slow, R"({"recover-within": "2s"})", faults).valid == Validity::valid);
  const std::string never = every_100ms(12, [](int ms) { return ms >= 3000 ? "fail" : "ok"; });
  CHECK(found(check("availability", never, R"({"recover-within": "2s"})", faults)) == Strings{"no-recovery"});
  // The run ended before the bound: nothing is shown.
  CHECK(check("availability", never, R"({"recover-within": "20s"})", faults).valid == Validity::valid);
}

TEST_CASE("idle clients are no outage") {
  const Verdict verdict = check(
      "availability",
      R"([["invoke",0,"read",null,0],["ok",0,"read",null,10],["invoke",0,"read",null,60000],["ok",0,"read",null,60010]])",
      R"({"max-stall": "1s"})");
  CHECK(verdict.valid == Validity::valid);
  CHECK(verdict.details.find("longest-stall-ms")->real() == Approx(10));
}

TEST_CASE("goodput that does not come back") {
  const std::vector<FaultWindow> faults = {{"overload", {}, 4000 * kMs, 5000 * kMs}};
  const std::string cascade = every_100ms(20, [](int ms) { return ms >= 4000 && ms % 1000 != 0 ? "fail" : "ok"; });
  CHECK(found(check("availability", cascade, R"({"goodput-back": 0.5})", faults)) == Strings{"goodput-lost"});
  const std::string back = every_100ms(20, [](int ms) { return ms >= 4000 && ms < 5000 ? "fail" : "ok"; });
  CHECK(check("availability", back, R"({"goodput-back": 0.5})", faults).valid == Validity::valid);
  CHECK(check("availability", back, R"({"goodput-back": 0.5})").valid == Validity::unknown);
}

TEST_CASE("what timeouts would have cost") {
  // Answers after 10 ms, but one of 100 after 500 ms, and one that never came.
  std::string json = "[";
  for (int i = 0; i < 100; ++i)
    json += R"(["invoke",0,"read",null,)" + std::to_string(i * 1000) + R"(],["ok",0,"read",null,)" +
            std::to_string(i * 1000 + (i == 50 ? 500 : 10)) + "],";
  json += R"(["invoke",0,"read",null,200000],["info",0,"read",null,230000]])";
  const Verdict verdict = check("availability", json);
  std::map<std::string, std::pair<std::int64_t, double>> rows;
  for (const Value& row : verdict.details.find("timeouts")->items())
    rows[std::string(row.find("timeout")->text())] = {row.find("answers-given-up")->integer(),
                                                      row.find("waited-in-vain-ms")->real()};
  CHECK(rows.at("100ms") == std::pair<std::int64_t, double>(1, 100));
  CHECK(rows.at("1s") == std::pair<std::int64_t, double>(0, 1000));
  // Adaptive: gives up on the one slow answer as well, but waits far less than a second for the lost one.
  CHECK(rows.at("phi 8").first == 1);
  CHECK(rows.at("phi 8").second < 400);
  CHECK(rows.at("phi 8").second > 10);
}

TEST_CASE("a failure detector: complete and accurate") {
  const std::vector<FaultWindow> faults = {{"kill", {"n2"}, 1000 * kMs, 9000 * kMs}};
  constexpr const char* kGood =
      R"([["invoke",0,"suspect","n2",2499],["ok",0,"suspect","n2",2500],["invoke",0,"trust","n2",9500],["ok",0,"trust","n2",9501]])";
  CHECK(check("failure-detector", kGood, R"({"detect-within": "2s"})", faults).valid == Validity::valid);
  CHECK(found(check("failure-detector", kGood, R"({"detect-within": "1s"})", faults)) == Strings{"slow-detection"});
  CHECK(found(check("failure-detector", R"([["ok",0,"trust","n2",9000]])", R"({"detect-within": "2s"})", faults)) ==
        Strings{"undetected"});
  CHECK(found(check("failure-detector", R"([["ok",0,"suspect","n3",2500]])", "null", faults)) ==
        Strings{"false-suspicion"});
}

TEST_CASE("a checker or an option that there is not is bad input") {
  const auto message = [](std::string_view name, std::string_view options) {
    const Result<Verdict> verdict = check_safety(name, History(), *parse_json(options), {}, Budget());
    REQUIRE_FALSE(verdict);
    CHECK(verdict.error().kind == ErrorKind::bad_input);
    return verdict.error().message;
  };
  CHECK(message("lok", "null") == "unknown checker \"lok\"; did you mean \"lock\"?");
  CHECK(message("lock", R"({"leese": 1})") == "lock has no option \"leese\" (did you mean \"lease\"?)");
  CHECK(message("lock", R"({"lease": "soon"})") == "option lease of lock: found \"soon\", expected a duration");
  for (const SafetyInfo& info : safety_checkers()) {
    INFO(info.name);
    const Result<Verdict> verdict = check_safety(info.name, History(), Value(), {}, Budget());
    REQUIRE(verdict);
    CHECK(verdict->valid == Validity::unknown);
  }
}

}  // namespace
}  // namespace shaketable
