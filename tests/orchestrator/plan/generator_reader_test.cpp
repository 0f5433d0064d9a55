#include "orchestrator/plan/generator_reader.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "history/text.h"

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

GeneratorPtr from_yaml(const std::string& text, const std::shared_ptr<KeyCount>& keys) {
  Problems problems;
  const YamlPtr tree = parse_yaml(text, problems.add_file("g", text), problems);
  REQUIRE(tree);
  const auto spec = std::make_shared<const GeneratorSpec>(read_generator(*tree, problems));
  INFO((problems.empty() ? std::string() : problems.error().message));
  REQUIRE(problems.empty());
  return make_generator(spec, keys);
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

}  // namespace

TEST_CASE("every form of generators and values is read as its example has it and stands in the documents") {
  std::ifstream in(SHAKETABLE_SOURCE_DIR "/docs/generators.md");
  std::ostringstream page;
  page << in.rdbuf();
  const auto documented = [&page](const std::string& name) {
    return page.str().find("`{" + name + ":") != std::string::npos;
  };
  CHECK(generator_forms().size() >= 27);
  for (const PlanForm& form : generator_forms()) {
    INFO(form.name << ": " << form.example);
    CHECK(form.example.starts_with("{" + form.name + ":"));
    CHECK(problems_of(form.example) == "");
    CHECK(documented(form.name));
  }
  CHECK(value_forms().size() >= 15);
  for (const PlanForm& form : value_forms()) {
    INFO(form.name << ": " << form.example);
    CHECK(form.example.find("{" + form.name + ":") != std::string::npos);
    CHECK(problems_of("{f: x, value: " + form.example + "}") == "");
    CHECK(documented(form.name));
  }
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

TEST_CASE("lists are drawn and mapped and numbers added") {
  const GeneratorPtr generator = from_yaml(
      "f: x\n"
      "value:\n"
      "  - {for-each: {k: {range: 3, from: {product: [{next: n, as: n}, 10]}}}, value: {sum: [{value-of: k}, -1]}}\n"
      "  - {value-of: n}\n"
      "  - {value-of: later, or: {one-of: [none]}}\n"
      "  - {list-of: {below: 1, as: later}, count: 2}\n"
      "  - {list-of: {below: 1}, count: 2, distinct: true}\n"
      "  - {sum: [{value-of: k}, {one-of: [text]}]}\n",
      std::make_shared<KeyCount>());
  const auto lines = drawn(*generator, 1, 2);
  CHECK(lines.at(0) == "x [[9 10 11] 1 \"none\" [0 0] [0] nil]");
  CHECK(lines.at(1) == "x [[19 20 21] 2 0 [0 0] [0] nil]");
}

TEST_CASE("some of a list are as many as asked and in every order") {
  const GeneratorPtr generator =
      from_yaml("{f: x, value: {some-of: [a, b, c], count: [1, 2]}}", std::make_shared<KeyCount>());
  std::set<std::string> seen;
  for (const std::string& line : drawn(*generator, 1, 300)) seen.insert(line);
  CHECK(seen.size() == 9);  // three of one, six of two
  const GeneratorPtr all = from_yaml("{f: x, value: {some-of: {range: 3}}}", std::make_shared<KeyCount>());
  seen.clear();
  for (const std::string& line : drawn(*all, 1, 600)) seen.insert(line);
  CHECK(seen.size() == 15);
}

TEST_CASE("what let draws holds for a whole pass and the answer of one operation is there for the next") {
  const GeneratorPtr generator = from_yaml(
      "cycle:\n"
      "  let: {a: {next: n}, b: {sum: [{value-of: a}, 100]}}\n"
      "  of:\n"
      "    chain:\n"
      "      - {once: {f: ask, value: {value-of: a}, answer: told}}\n"
      "      - {limit: 2, of: {f: use, value: [{value-of: b}, {value-of: told}]}}\n",
      std::make_shared<KeyCount>());
  const auto answer = [](const Invocation& invocation) {
    return invocation.f == Name("ask") ? Value(invocation.value.integer() * 7) : invocation.value;
  };
  CHECK(drawn(*generator, 1, 6, answer) ==
        std::vector<std::string>{"ask 1", "use [101 7]", "use [101 7]", "ask 2", "use [102 14]", "use [102 14]"});
}

TEST_CASE("an answer that is no whole number adds up to nil") {
  const GeneratorPtr generator =
      from_yaml("chain: [{once: {f: a, answer: x}}, {f: b, value: [{sum: [{value-of: x}, 1]}, {product: [4, 2]}]}]",
                std::make_shared<KeyCount>());
  const auto answer = [](const Invocation&) { return Value("text"); };
  CHECK(drawn(*generator, 1, 2, answer) == std::vector<std::string>{"a nil", "b [nil 8]"});
}

TEST_CASE("names belong to a worker or a key and those outside are seen") {
  // Worker 0 and 1 in turn: each has its own `mine`, both see `all`.
  const GeneratorPtr generator = from_yaml(
      "let: {all: {next: run, from: 7}}\n"
      "of:\n"
      "  each-worker:\n"
      "    let: {mine: {next: n}}\n"
      "    of: {f: x, value: [{value-of: all}, {value-of: mine}, {value-of: mine, of: any-worker}]}\n",
      std::make_shared<KeyCount>());
  std::set<std::string> seen;
  for (const std::string& line : drawn(*generator, 1, 100, {}, {0, 1})) seen.insert(line);
  CHECK(seen == std::set<std::string>{"x [7 1 1]", "x [7 1 2]", "x [7 2 1]", "x [7 2 2]"});
  const GeneratorPtr keys = from_yaml(
      "mix:\n"
      "  - {per-key: {f: in, value: [{value-of: key}, {next: n}]}, keys: 1, operations: 2, as: key}\n"
      "  - {f: out, value: {value-of: key}}\n",
      std::make_shared<KeyCount>());
  std::string newest = "0", last;
  for (const std::string& line : drawn(*keys, 1, 50)) {
    if (line.starts_with("out")) {
      CHECK(line == "out " + newest);
      continue;
    }
    // The second operation on a key makes room for the next one at once.
    CHECK((line == "in [" + newest + " 1]" || line == "in [" + newest + " 2]"));
    CHECK(line != last);
    if (line.ends_with(" 2]")) newest = std::to_string(std::stoi(newest) + 1);
    last = line;
  }
  CHECK(std::stoi(newest) > 5);
}

TEST_CASE("what is wrong with a generator is said where it stands") {
  CHECK(problems_of("{limt: 10, of: {f: read}}") ==
        "g:1:1: a generator needs one of f, mix, limit and the others of `shaketable list generators`; did you mean "
        "\"limit\"?\n"
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
  CHECK(problems_of("{f: write, value: {belw: 3}}")
            .starts_with("g:1:19: a drawn value must have one of below, between, next, recent, value-of, one-of, "
                         "some-of, list-of, for-each, range, sum, product, duration, map or checksummed; did you mean "
                         "\"below\"?"));
  CHECK(problems_of("{f: write, value: {between: [5, 1]}}")
            .starts_with("g:1:29: between must go from low to high, not from 5 to 1"));
  CHECK(problems_of("{f: read, vlaue: 1}").starts_with("g:1:11: unknown key \"vlaue\""));
  CHECK(problems_of("{every-key: {f: read, value: {next: n}}}").starts_with("g:1:13: every-key must be one operation"));
  CHECK(
      problems_of("{stagger: 10, of: {f: read}}")
          .starts_with("g:1:11: stagger must be a duration such as 500ms, 5s or 2m, not \"10\"; the unit is missing"));
  CHECK(problems_of("[]").starts_with("g:1:1: a generator must be a map such as"));
}

TEST_CASE("a name or a counter that nothing gives is said where it is asked for") {
  CHECK(problems_of("{let: {token: 1}, of: {f: use, value: {value-of: tokn}}}") ==
        "g:1:50: nothing here has the name \"tokn\"; did you mean \"token\"?\n"
        "{let: {token: 1}, of: {f: use, value: {value-of: tokn}}}\n"
        "                                                 ^");
  CHECK(problems_of("{f: use, value: {value-of: x}}")
            .starts_with("g:1:28: nothing here has the name \"x\"; as, let, answer and for-each give names"));
  CHECK(problems_of("{f: cas, value: [{recent: n}, {next: m}]}")
            .starts_with("g:1:27: nothing here counts \"n\"; {next: n} does"));
  // A worker's names are its own, a key's counters too.
  CHECK(problems_of("chain: [{each-worker: {once: {f: a, answer: token}}}, {f: b, value: {value-of: token}}]")
            .starts_with("g:1:80: nothing here has the name \"token\""));
  CHECK(problems_of("mix: [{f: a, value: {next: n}}, {per-key: {f: b, value: {recent: n}}}]")
            .starts_with("g:1:66: nothing here counts \"n\""));
  CHECK(problems_of("{f: a, value: [{below: 2, as: x}, {value-of: x, of: any-worker}]}")
            .starts_with("g:1:46: any-worker needs each-worker around it"));
  CHECK(problems_of("{let: {x: 1}, of: {f: a, value: {value-of: x, of: worker}}}")
            .starts_with("g:1:51: of must be any-worker, not \"worker\""));
}

TEST_CASE("what is wrong with endings and lists is said where it stands") {
  CHECK(problems_of("{until: {is: maybe}, of: {f: a}}")
            .starts_with("g:1:14: is must be ok, fail or info, not \"maybe\""));
  CHECK(problems_of("{until: info, of: {f: a}}")
            .starts_with("g:1:9: until must say how operations end, such as {is: info}"));
  CHECK(problems_of("{until: {is: ok, answer: {next: n}}, of: {f: a}}")
            .starts_with("g:1:26: answer must be a value that is the same each time"));
  CHECK(problems_of("{until: {is: ok}}").starts_with("g:1:2: \"of\" is missing"));
  CHECK(problems_of("{let: 5, of: {f: a}}").starts_with("g:1:7: let must be a map of names to values"));
  CHECK(problems_of("{f: a, value: {some-of: 5}}").starts_with("g:1:25: some-of must be of a list such as [1, 2]"));
  CHECK(problems_of("{f: a, value: {some-of: [1, 2], count: [2, 1]}}")
            .starts_with("g:1:40: count must go from low to high, not from 2 to 1"));
  CHECK(problems_of("{f: a, value: {for-each: {k: [1]}}}").starts_with("g:1:16: \"value\" is missing"));
  CHECK(problems_of("{f: a, value: {for-each: [1], value: 2}}")
            .starts_with("g:1:26: for-each must be one name and its list, such as {key: [1, 2]}, not a list"));
  CHECK(problems_of("{f: a, value: {sum: [1, x]}}").starts_with("g:1:25: sum is of whole numbers, not of \"x\""));
  CHECK(problems_of("{shuffle: [{count: 0, f: a}]}").starts_with("g:1:20: count must be at least 1, not 0"));
  CHECK(problems_of("{delay: {duration: 5}, of: {f: a}}").starts_with("g:1:20: duration must be a duration"));
}

}  // namespace shaketable
