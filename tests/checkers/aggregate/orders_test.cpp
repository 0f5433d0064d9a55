// long-fork, causal, causal-reverse, monotonic and g2: brute force looks at every pair.

#include <algorithm>
#include <optional>
#include <set>

#include "tests/checkers/aggregate/lines.h"

namespace shaketable {
namespace {

struct Span {
  std::size_t start = 0, end = SIZE_MAX;
  bool ok = false, failed = false;
  std::int64_t process = 0;
  std::string f;
  Value asked, answer;
};

std::vector<Span> spans(const History& history) {
  std::vector<Span> out;
  const auto& operations = history.operations;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    if (operations[i].type != OpType::invoke) continue;
    Span span;
    span.start = i;
    span.process = operations[i].process;
    span.f = operations[i].f.text();
    span.asked = operations[i].value;
    for (std::size_t j = i + 1; j < operations.size(); ++j) {
      if (operations[j].process != operations[i].process) continue;
      span.ok = operations[j].type == OpType::ok;
      span.failed = operations[j].type == OpType::fail;
      if (span.ok) span.answer = operations[j].value;
      if (span.ok || span.failed) span.end = j;
      break;
    }
    out.push_back(span);
  }
  return out;
}

TEST_CASE("long-fork: two readers who saw two writes in different orders") {
  const std::string writes = "0 invoke txn [[:w 1 1]]\n0 ok\n1 invoke txn [[:w 2 1]]\n1 ok\n";
  const auto reads = [&](const std::string& a, const std::string& b) {
    return writes + "2 invoke txn [[:r 1 nil] [:r 2 nil]]\n2 ok txn " + a +
           "\n3 invoke txn [[:r 2 nil] [:r 1 nil]]\n3 ok txn " + b;
  };
  CHECK(judged("long-fork", reads("[[:r 1 1] [:r 2 nil]]", "[[:r 2 nil] [:r 1 nil]]")) == "valid");
  CHECK(judged("long-fork", reads("[[:r 1 1] [:r 2 1]]", "[[:r 2 1] [:r 1 nil]]")) == "valid");
  CHECK(judged("long-fork", reads("[[:r 1 1] [:r 2 nil]]", "[[:r 2 1] [:r 1 nil]]")) == "INVALID: 1 long-fork");
  CHECK(judged("long-fork", reads("[[:r 1 7] [:r 2 nil]]", "[[:r 2 1] [:r 1 1]]")) == "INVALID: 1 unexpected");
  CHECK(judged("long-fork", writes) == "unknown: no transaction that only reads succeeded");
  CHECK(judged("long-fork",
               writes + "0 invoke txn [[\"w\" 1 2]]\n0 ok\n2 invoke txn [[\"r\" 1 nil]]\n2 ok txn [[\"r\" 1 1]]") ==
        "unknown: key 1 was written more than once (operation 4 (process 0)): every key must be written once for reads "
        "to be comparable");
  const Verdict verdict = check("long-fork", lines(reads("[[:r 1 1] [:r 2 nil]]", "[[:r 2 1] [:r 1 nil]]")));
  CHECK(first_text(verdict, "long-fork") ==
        "operation 4 (process 2) saw the write of key 1 but not that of 2, and operation 6 (process 3) saw it the "
        "other way round");
}

TEST_CASE("long-fork: agrees with comparing every pair of reads") {
  Random random(11);
  int invalid = 0;
  for (int round = 0; round < 3'000; ++round) {
    History history;
    const int keys = 2 + static_cast<int>(random.below(3));
    std::vector<std::vector<bool>> reads;
    for (int k = 0; k < keys; ++k) {
      const Value write = Value::list({Value::list({"w", k, 1})});
      history.operations.push_back(event(OpType::invoke, k, "txn", write));
      history.operations.push_back(event(OpType::ok, k, "txn", write));
    }
    for (std::uint64_t n = 1 + random.below(5); n > 0; --n) {
      std::vector<Value> micros;
      std::vector<bool> saw;
      for (int k = 0; k < keys; ++k) {
        saw.push_back(random.chance(0.5));
        micros.push_back(Value::list({"r", k, saw.back() ? Value(1) : Value()}));
      }
      random.shuffle(micros);
      reads.push_back(saw);
      history.operations.push_back(event(OpType::invoke, 50, "txn", Value::list({})));
      history.operations.push_back(event(OpType::ok, 50, "txn", Value::list(micros)));
    }
    bool fork = false;
    for (const auto& a : reads)
      for (const auto& b : reads) {
        bool only_a = false, only_b = false;
        for (std::size_t k = 0; k < a.size(); ++k) {
          only_a = only_a || (a[k] && !b[k]);
          only_b = only_b || (b[k] && !a[k]);
        }
        fork = fork || (only_a && only_b);
      }
    REQUIRE(check("long-fork", history).valid == (fork ? Validity::invalid : Validity::valid));
    invalid += fork;
  }
  CHECK(invalid > 300);
  CHECK(invalid < 2'700);
}

TEST_CASE("causal: a session does not go back, and nobody reads the future") {
  CHECK(judged("causal",
               "0 invoke read-init\n0 ok read-init 0\n0 invoke write 1\n0 ok\n0 invoke read\n0 ok read 1\n0 invoke "
               "write 2\n0 ok\n0 invoke read\n0 ok read 2") == "valid");
  CHECK(judged("causal", "0 invoke write 1\n0 ok\n0 invoke write 2\n0 ok\n0 invoke read\n0 ok read 1") ==
        "INVALID: 1 stale-read");
  CHECK(judged("causal", "0 invoke write 1\n0 ok\n0 invoke read\n0 ok read nil") == "unknown: nothing was ever read");
  CHECK(judged("causal", "0 invoke write 1\n0 info\n1 invoke read\n1 ok read nil") == "valid");
  CHECK(judged("causal",
               "0 invoke write 1\n0 ok\n1 invoke read\n1 ok read 0\n1 invoke read\n1 ok read 1\n1 invoke read\n1 ok "
               "read 0") == "INVALID: 1 stale-read");
  CHECK(judged("causal", "0 invoke read\n0 ok read 1\n1 invoke write 1\n1 ok") == "INVALID: 1 unexpected");
  CHECK(judged("causal", "1 invoke write 1\n0 invoke read\n0 ok read 1\n1 info") == "valid");
  CHECK(judged("causal", "1 invoke write 1\n1 fail\n0 invoke read\n0 ok read 1") == "INVALID: 1 unexpected");
}

TEST_CASE("causal: agrees with comparing every read to all its session knew") {
  Random random(12);
  int invalid = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::int64_t next = 1;
    Turns turns(random, 3);
    turns.run(
        10,
        [&](std::int64_t) {
          return random.chance(0.4) ? event(OpType::invoke, 0, "write", next++)
                                    : event(OpType::invoke, 0, "read", Value());
        },
        [&](Operation& operation) {
          operation.type = any_end(random);
          if (operation.f.text() == "read")
            operation.value = operation.type == OpType::ok ? Value(random.between(0, next)) : Value();
        });
    const auto all = spans(turns.history);
    bool bad = false, any = false;
    for (const Span& read : all) {
      if (!read.ok || read.f != "read") continue;
      any = true;
      const std::int64_t got = read.answer.integer();
      bool possible = got == 0;
      for (const Span& other : all) {
        if (other.f == "write" && !other.failed && other.start < read.end && other.asked == Value(got)) possible = true;
        if (!other.ok || other.process != read.process || other.end >= read.start) continue;
        if ((other.f == "write" ? other.asked : other.answer).integer() > got) bad = true;
      }
      bad = bad || !possible;
    }
    REQUIRE(check("causal", turns.history).valid == (bad   ? Validity::invalid
                                                     : any ? Validity::valid
                                                           : Validity::unknown));
    invalid += bad;
  }
  CHECK(invalid > 500);
  CHECK(invalid < 2'900);
}

TEST_CASE("causal-reverse: a later write without an earlier one") {
  const std::string writes = "0 invoke write 1\n0 ok\n0 invoke write 2\n0 ok\n";
  CHECK(judged("causal-reverse", writes + "1 invoke read\n1 ok read [1 2]") == "valid");
  CHECK(judged("causal-reverse", writes + "1 invoke read\n1 ok read [1]") == "valid");
  CHECK(judged("causal-reverse", writes + "1 invoke read\n1 ok read [2]") == "INVALID: 1 causal-reverse");
  CHECK(judged("causal-reverse", writes + "1 invoke read\n1 ok read [3]") == "INVALID: 1 unexpected");
  CHECK(judged("causal-reverse", "0 invoke write 1\n1 invoke write 2\n0 ok\n1 ok\n2 invoke read\n2 ok read [2]") ==
        "valid");
  const Verdict verdict = check("causal-reverse", lines(writes + "1 invoke read\n1 ok read [2]"));
  CHECK(first_text(verdict, "causal-reverse") ==
        "operation 4 (process 1) saw 2 but not 1, whose write, operation 0 (process 0), was acknowledged before that "
        "of 2, operation 2 "
        "(process 0), began");
}

TEST_CASE("causal-reverse: agrees with looking at every pair of writes") {
  Random random(13);
  int invalid = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::int64_t next = 0;
    Turns turns(random, 3);
    turns.run(
        10,
        [&](std::int64_t) {
          return random.chance(0.7) ? event(OpType::invoke, 0, "write", next++)
                                    : event(OpType::invoke, 0, "read", Value());
        },
        [&](Operation& operation) {
          operation.type = any_end(random);
          if (operation.f.text() != "read" || operation.type != OpType::ok) return;
          std::vector<Value> items;
          for (std::int64_t i = 0; i < next; ++i)
            if (random.chance(0.8)) items.emplace_back(i);
          operation.value = Value::list(std::move(items));
        });
    const auto all = spans(turns.history);
    std::set<std::size_t> reversed;
    bool unexpected = false, any = false;
    for (const Span& read : all) {
      if (read.f != "read" || !read.ok) continue;
      any = true;
      const auto items = read.answer.items();
      const auto saw = [&](const Span& write) {
        return std::find(items.begin(), items.end(), write.asked) != items.end();
      };
      for (const Span& late : all) {
        if (late.f != "write" || !saw(late)) continue;
        if (late.failed) {
          unexpected = true;
          continue;
        }
        for (const Span& early : all)
          if (early.f == "write" && early.ok && early.end < late.start && !saw(early)) reversed.insert(read.start);
      }
    }
    const Verdict verdict = check("causal-reverse", turns.history);
    REQUIRE(count_of(verdict, "causal-reverse") == reversed.size());
    REQUIRE((count_of(verdict, "unexpected") > 0) == unexpected);
    REQUIRE((verdict.valid == Validity::unknown) == (!any && reversed.empty()));
    invalid += !reversed.empty();
  }
  CHECK(invalid > 300);
}

TEST_CASE("monotonic: by process, in real time, across keys") {
  CHECK(judged("monotonic", "0 invoke read\n0 ok read 1\n0 invoke read\n0 ok read 2\n1 invoke read\n1 ok read 2") ==
        "valid");
  CHECK(judged("monotonic", "0 invoke read\n0 ok read 2\n0 invoke read\n0 ok read 1") ==
        "INVALID: 1 nonmonotonic-process");
  CHECK(judged("monotonic", "0 invoke read\n0 ok read 2\n1 invoke read\n1 ok read 1") ==
        "INVALID: 1 nonmonotonic-realtime");
  CHECK(judged("monotonic", "0 invoke read\n0 ok read 2\n1 invoke read\n1 ok read 1", "{:realtime false}") == "valid");
  CHECK(judged("monotonic", "1 invoke read\n0 invoke read\n0 ok read 2\n1 ok read 1") == "valid");
  const std::string crossed = "1 invoke read\n0 invoke read\n0 ok read {:x 2 :y 1}\n1 ok read {:x 1 :y 2}";
  CHECK(judged("monotonic", crossed) == "INVALID: 1 crossed-reads");
  CHECK(judged("monotonic", crossed, "{:snapshots false}") == "valid");
  CHECK(judged("monotonic", "0 invoke inc :x\n0 ok inc {:x 2}\n1 invoke read\n1 ok read {:x 1}") ==
        "INVALID: 1 nonmonotonic-realtime");
  CHECK(judged("monotonic", "0 invoke inc 1\n0 ok") == "unknown: no number was ever read");
  const Verdict verdict = check("monotonic", lines(crossed));
  CHECK(first_text(verdict, "crossed-reads") ==
        "operation 1 (process 0) saw :x newer (2 against 1), and operation 0 (process 1) saw :y newer (2 against 1)");
}

TEST_CASE("monotonic: agrees with comparing every pair of reads") {
  Random random(14);
  int invalid = 0, crossings = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::int64_t now = 0;
    Turns turns(random, 3);
    turns.run(
        8, [&](std::int64_t) { return event(OpType::invoke, 0, "read", Value()); },
        [&](Operation& operation) {
          operation.type = any_end(random);
          now += random.chance(0.7);
          const auto number = [&] {
            return std::max<std::int64_t>(0, now - static_cast<std::int64_t>(random.below(4) == 0));
          };
          operation.value = Value::map({{"x", number()}, {"y", number()}});
        });
    const auto all = spans(turns.history);
    bool backwards = false, crossed = false, any = false;
    for (const Span& a : all)
      for (const Span& b : all) {
        if (!a.ok || !b.ok) continue;
        any = true;
        const std::int64_t ax = a.answer.find("x")->integer(), ay = a.answer.find("y")->integer(),
                           bx = b.answer.find("x")->integer(), by = b.answer.find("y")->integer();
        if (a.end < b.start) backwards = backwards || ax > bx || ay > by;
        crossed = crossed || (ax > bx && ay < by);
      }
    const Verdict verdict = check("monotonic", turns.history);
    REQUIRE((count_of(verdict, "crossed-reads") > 0) == crossed);
    REQUIRE((count_of(verdict, "nonmonotonic-process") + count_of(verdict, "nonmonotonic-realtime") > 0) == backwards);
    REQUIRE((verdict.valid == Validity::unknown) == !any);
    invalid += backwards;
    crossings += crossed;
  }
  CHECK(invalid > 300);
  CHECK(invalid < 2'700);
  CHECK(crossings > 100);
}

TEST_CASE("g2: at most one insert for a key") {
  CHECK(judged("g2",
               "0 invoke insert [1 [1 nil]]\n0 ok\n1 invoke insert [1 [nil 2]]\n1 fail\n0 invoke insert [2 [3 nil]]\n0 "
               "ok") == "valid");
  CHECK(judged("g2", "0 invoke insert [1 [1 nil]]\n0 ok\n1 invoke insert [1 [nil 2]]\n1 ok") == "INVALID: 1 G2");
  CHECK(judged("g2", "0 invoke insert [1 [1 nil]]\n0 ok\n1 invoke insert [1 [nil 2]]\n1 info") == "valid");
  CHECK(judged("g2", "0 invoke insert [1 [1 nil]]\n0 info") == "unknown: no insert succeeded");
  CHECK(judged("g2", "0 invoke insert [1 [1 nil]]\n0 ok\n1 invoke insert [1 [nil 2]]\n1 ok", "{:keyed true}") ==
        "INVALID: 1 of 1 key: 1");
  Random random(15);
  for (int round = 0; round < 300; ++round) {
    Turns turns(random, 4);
    turns.run(
        20,
        [&](std::int64_t) {
          return event(OpType::invoke, 0, "insert", Value::list({random.between(0, 12), Value::list({1, Value()})}));
        },
        [&](Operation& operation) { operation.type = any_end(random); });
    std::map<Value, std::size_t> inserted;
    for (const Operation& operation : turns.history.operations)
      if (operation.type == OpType::ok) ++inserted[operation.value[0]];
    std::size_t extra = 0;
    for (const auto& [key, count] : inserted) extra += count - 1;
    REQUIRE(count_of(check("g2", turns.history), "G2") == extra);
  }
}

}  // namespace
}  // namespace shaketable
