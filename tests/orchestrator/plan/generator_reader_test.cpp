#include "orchestrator/plan/generator_reader.h"

#include <catch2/catch.hpp>
#include <set>

#include "history/text.h"
#include "workloads/workload.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

std::string problems_of(const std::string& text) {
  Problems problems;
  const YamlPtr tree = parse_yaml(text, problems.add_file("g", text), problems);
  REQUIRE(tree);
  read_generator(*tree, problems);
  return problems.empty() ? "" : problems.error().message;
}

struct Twins {
  GeneratorPtr main, final;
};

GeneratorPtr from_yaml(const std::string& text, const std::shared_ptr<KeyCount>& keys) {
  Problems problems;
  const YamlPtr tree = parse_yaml(text, problems.add_file("g", text), problems);
  REQUIRE(tree);
  const auto spec = std::make_shared<const GeneratorSpec>(read_generator(*tree, problems));
  INFO((problems.empty() ? std::string() : problems.error().message));
  REQUIRE(problems.empty());
  return make_generator(spec, keys);
}

Workload built_in(const std::string& name, const std::vector<std::pair<std::string, ParameterValue>>& set = {}) {
  const WorkloadInfo* info = find_workload(name);
  REQUIRE(info);
  Parameters parameters(info->parameters);
  for (const auto& [key, value] : set) parameters.set(key, value);
  auto made = info->make(parameters, 4);
  REQUIRE(made);
  return std::move(*made);
}

// What these workers in turn draw, each operation whole before the next; every one is ok, the answer is the question's
// value but where `answer` says otherwise.
std::vector<std::string> drawn(Generator& generator, std::uint64_t seed, std::size_t most,
                               const std::function<Value(const Invocation&)>& answer = {},
                               const std::vector<std::size_t>& workers = {0, 1, 2, 3}) {
  Random random(seed);
  std::vector<std::string> out;
  Nanos now{0};
  for (std::size_t turn = 0, idle = 0; out.size() < most && idle < 8; ++turn) {
    const std::size_t worker = workers[turn % workers.size()];
    Context context{now, worker, 4, 0, random, static_cast<std::int64_t>(worker)};
    const Turn got = generator.next(context);
    if (got.kind != Turn::Kind::operation) {
      ++idle;
      if (got.kind == Turn::Kind::wait && got.at != kNever) {
        now = std::max(now, got.at);
        idle = 0;
      }
      continue;
    }
    idle = 0;
    now = std::max(now, got.at);
    out.push_back(std::string(got.invocation.f.text()) + " " + to_edn(got.invocation.value));
    Context done{now, worker, 4, 0, random, static_cast<std::int64_t>(worker)};
    generator.completed(done, got.invocation, OpType::ok, answer ? answer(got.invocation) : got.invocation.value);
  }
  return out;
}

void same(const std::string& workload, const std::vector<std::pair<std::string, ParameterValue>>& set,
          const std::string& main, const std::string& final = "",
          const std::vector<std::size_t>& workers = {0, 1, 2, 3}) {
  constexpr std::size_t operations = 3000;
  INFO(workload << "\n" << main);
  for (const std::uint64_t seed : {1, 2, 3}) {
    Workload made = built_in(workload, set);
    const auto keys = std::make_shared<KeyCount>();
    const GeneratorPtr ours = from_yaml(main, keys);
    const auto expected = drawn(*made.main, seed, operations, {}, workers);
    CHECK(expected.size() == operations);
    REQUIRE(drawn(*ours, seed, operations, {}, workers) == expected);
    if (final.empty()) continue;
    INFO(final);
    const GeneratorPtr ours_final = from_yaml(final, keys);
    const auto last = drawn(*made.final, seed, 10'000);
    CHECK_FALSE(last.empty());
    REQUIRE(drawn(*ours_final, seed, 10'000) == last);
  }
}

const std::string kReadOnce = "{limit: 5, of: {until-ok: {f: read}, pause: 200ms}}";

}  // namespace

TEST_CASE("the schedule of registers in YAML") {
  const std::string last = "{every-key: {f: read, value: [{value-of: key}, null]}}";
  same("register", {},
       "per-key:\n"
       "  mix:\n"
       "    - {weight: 2, f: read}\n"
       "    - {weight: 1, f: write, value: {next: n}}\n"
       "    - {weight: 1, f: cas, value: [{recent: n, within: 3}, {next: n}]}\n"
       "keys: 10\n"
       "operations: 200\n",
       last);
  same("register",
       {{"values", std::int64_t{5}},
        {"keys", std::int64_t{30}},
        {"ops_per_key", std::int64_t{50}},
        {"distribution", std::string("zipf")},
        {"skew", 1.1}},
       "per-key:\n"
       "  mix:\n"
       "    - {weight: 2, f: read}\n"
       "    - {f: write, value: {below: 5}}\n"
       "    - {f: cas, value: [{below: 5}, {below: 5}]}\n"
       "keys: 30\n"
       "operations: 50\n"
       "distribution: zipf\n"
       "skew: 1.1\n",
       last);
}

TEST_CASE("the schedules of sets, counters, queues and identifiers in YAML") {
  same("set", {}, "{f: add, value: {next: n, from: 0}}", kReadOnce);
  same("set", {{"value_bytes", std::uint64_t{20}}}, "{f: add, value: {next: n, from: 0, size: 20}}", kReadOnce);
  same("set-full", {}, "mix: [{weight: 0.1, f: read}, {weight: 0.9, f: add, value: {next: n, from: 0}}]", kReadOnce);
  same("counter", {}, "mix: [{weight: 0.3, f: read}, {weight: 0.7, f: add, value: {between: [1, 5]}}]", kReadOnce);
  same("counter", {{"decrements", true}},
       "mix: [{weight: 0.3, f: read}, {weight: 0.7, f: add, value: {between: [1, 5], sign: either}}]", kReadOnce);
  same("queue", {}, "mix: [{weight: 0.5, f: dequeue}, {weight: 0.5, f: enqueue, value: {next: n, from: 0}}]");
  same("unique-ids", {}, "{f: generate}");
}

TEST_CASE("the end of a queue in YAML: dequeues until it is empty, then a drain") {
  int left = 0;
  const auto answer = [&left](const Invocation& invocation) {
    return invocation.f == Name("dequeue") && left > 0 ? Value(left--) : Value();
  };
  Workload made = built_in("queue");
  left = 20;
  const auto expected = drawn(*made.final, 1, 1000, answer);
  CHECK(expected.size() == 24);
  const GeneratorPtr ours = from_yaml(
      "phases:\n"
      "  - {until-answer: nothing, times: 3, of: {f: dequeue}}\n"
      "  - {limit: 5, of: {until-ok: {f: drain}, pause: 200ms}}\n",
      std::make_shared<KeyCount>());
  left = 20;
  CHECK(drawn(*ours, 1, 1000, answer) == expected);
}

TEST_CASE("the schedule of a bank in YAML") {
  same("bank", {},
       "mix:\n"
       "  - {weight: 0.5, f: read}\n"
       "  - weight: 0.5\n"
       "    f: transfer\n"
       "    value: {map: {from: {below: 8, as: from}, to: {below: 8, except: from}, amount: {between: [1, 5]}}}\n",
       kReadOnce);
}

TEST_CASE("the schedules of transactions in YAML") {
  same("list-append", {}, "{transactions: append}");
  same("list-append", {{"longest", std::int64_t{8}}, {"reads", 0.2}, {"distribution", std::string("exponential")}},
       "{transactions: append, length: [1, 8], reads: 0.2, distribution: exponential}");
  same("rw-register", {}, "{transactions: read-modify-write}");
  same("rw-register", {{"writes", std::string("mixed")}, {"keys", std::int64_t{3}}}, "{transactions: mixed, keys: 3}");
}

TEST_CASE("the schedule of locks in YAML") {
  // One worker at a time: who of several is first depends on how long each holds its lock.
  for (const std::size_t worker : {0, 3})
    same("lock", {{"locks", std::int64_t{3}}, {"hold", DurationRange{1ms, 20ms}}},
         "each-worker:\n"
         "  cycle:\n"
         "    chain:\n"
         "      - until-ok: {f: acquire, value: {below: 3, as: lock}}\n"
         "        pause: 5ms\n"
         "      - sleep: [1ms, 20ms]\n"
         "      - once: {f: release, value: {value-of: lock}}\n",
         "", {worker});
}

TEST_CASE("the schedules of registers with payloads, names and blind writes in YAML") {
  const std::string last = "{every-key: {f: read, value: [{value-of: key}, null]}}";
  same("echo-checksum", {{"value_bytes", std::uint64_t{40}}},
       "{per-key: {mix: [{f: read}, {f: write, value: {checksummed: 40}}]}, keys: 10, operations: 50}", last);
  same("unique-name", {},
       "per-key:\n"
       "  mix: [{weight: 0.25, f: read}, {weight: 0.75, f: cas, value: [null, {next: user}]}]\n"
       "keys: 3\n"
       "operations: 12\n",
       last);
  same("lww", {{"reads", 0.2}, {"value_bytes", std::uint64_t{30}}},
       "per-key:\n"
       "  mix: [{weight: 0.2, f: read}, {weight: 0.8, f: write, value: {next: n, size: 30}}]\n"
       "keys: 5\n"
       "operations: 10\n",
       last);
}

TEST_CASE("the schedules of leaders, growing numbers and predicates in YAML") {
  same("leader", {}, "{f: leader}");
  same("monotonic", {{"keys", std::int64_t{3}}, {"reads", 0.4}},
       "mix: [{weight: 0.4, f: read, value: [0, 1, 2]}, {weight: 0.6, f: inc, value: {below: 3}}]",
       "{limit: 5, of: {until-ok: {f: read, value: [0, 1, 2]}, pause: 200ms}}");
  // The first two inserts of a key go to different tables, the others to either.
  same("g2", {},
       "flip-flop:\n"
       "  - {f: insert, value: [{next: key, from: 0, as: key}, [{next: id}, null]]}\n"
       "  - {f: insert, value: [{value-of: key}, [null, {next: id}]]}\n");
  const std::string either =
      "  - mix:\n"
      "      - {f: insert, value: [{value-of: key}, [{next: id}, null]]}\n"
      "      - {f: insert, value: [{value-of: key}, [null, {next: id}]]}\n";
  same("g2", {{"inserts", std::int64_t{4}}},
       "flip-flop:\n"
       "  - {f: insert, value: [{next: key, from: 0, as: key}, [{next: id}, null]]}\n"
       "  - {f: insert, value: [{value-of: key}, [null, {next: id}]]}\n" +
           either + either);
}

TEST_CASE("the other combinators are read") {
  const auto keys = std::make_shared<KeyCount>();
  const GeneratorPtr generator = from_yaml(
      "phases:\n"
      "  - {cycle: {flip-flop: [{once: {f: a}}, {f: b}]}, times: 2}\n"
      "  - {synchronize: {limit: 2, of: {delay: 10ms, of: {f: c}}}}\n"
      "  - {any: [{limit: 1, of: {f: d}}, {limit: 1, of: {stagger: 1ms, of: {f: e}}}]}\n"
      "  - {time-limit: 10ms, of: {process-limit: 4, of: {concurrency-limit: 1, of: {limit: 1, of: {f: g}}}}}\n"
      "  - {reserve: [{workers: 2, limit: 2, of: {f: h}}], rest: {limit: 1, of: {f: i}}}\n",
      keys);
  // By hand, the workers asking in turn from 0: the flip-flop is over when it is the turn of its one `a` again, so a0
  // b1, and once more a2 b3; c0 c1; of d and e the one without a wait is sooner, d2 e3; g0. Then workers 0 and 1 have
  // `h` and the others `i`: h1 i2, nothing is left for worker 3, h0.
  std::string all;
  for (const std::string& line : drawn(*generator, 1, 100)) all += line.substr(0, 1);
  CHECK(all == "ababccdeghih");
}

TEST_CASE("drawn values may be one of several and nest") {
  const GeneratorPtr generator = from_yaml(
      "{f: x, value: [{one-of: [1, two, [{below: 1}]]}, {map: {k: \"3\"}}, 2.5, true]}", std::make_shared<KeyCount>());
  std::set<std::string> seen;
  for (const std::string& line : drawn(*generator, 1, 200)) seen.insert(line);
  CHECK(seen == std::set<std::string>{"x [1 {\"k\" \"3\"} 2.5 true]", "x [\"two\" {\"k\" \"3\"} 2.5 true]",
                                      "x [[0] {\"k\" \"3\"} 2.5 true]"});
}

TEST_CASE("what is wrong with a generator is said where it stands") {
  CHECK(problems_of("{limt: 10, of: {f: read}}") ==
        "g:1:1: a generator needs one of f, mix, limit and the others of docs/generators.md; did you mean \"limit\"?\n"
        "{limt: 10, of: {f: read}}\n"
        "^");
  CHECK(problems_of("{limit: 0, of: {f: read}}") ==
        "g:1:9: limit must be at least 1, not 0\n"
        "{limit: 0, of: {f: read}}\n"
        "        ^");
  CHECK(problems_of("{limit: 10}") ==
        "g:1:2: \"of\" is missing: the generator that this is about\n"
        "{limit: 10}\n"
        " ^");
  CHECK(problems_of("{f: read, limit: 10}")
            .starts_with("g:1:11: a generator is one thing: it is f already, so \"limit\" belongs into another"));
  CHECK(problems_of("{mix: [{weight: -1, f: read}]}").starts_with("g:1:17: weight must be at least 0, not -1"));
  CHECK(problems_of("{mix: []}").starts_with("g:1:7: mix must be a list of generators, not an empty list"));
  CHECK(
      problems_of("{f: write, value: {belw: 3}}")
          .starts_with("g:1:19: a drawn value must have one of below, between, next, recent, value-of, one-of, map or "
                       "checksummed;"
                       " did you mean \"below\"?"));
  CHECK(problems_of("{f: write, value: {between: [5, 1]}}")
            .starts_with("g:1:29: between must go from low to high, not from 5 to 1"));
  CHECK(problems_of("{f: read, vlaue: 1}").starts_with("g:1:11: unknown key \"vlaue\""));
  CHECK(problems_of("{every-key: {f: read, value: {next: n}}}").starts_with("g:1:13: every-key must be one operation"));
  CHECK(
      problems_of("{stagger: 10, of: {f: read}}")
          .starts_with("g:1:11: stagger must be a duration such as 500ms, 5s or 2m, not \"10\"; the unit is missing"));
  CHECK(problems_of("[]").starts_with("g:1:1: a generator must be a map such as"));
}

}  // namespace shaketable
