// The combinators that generator_test.cpp does not have.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "workloads/generator.h"

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

GeneratorPtr always(const char* f) {
  return repeat([name = Name(f)](Context&) { return Invocation{name, Value()}; });
}

GeneratorPtr some(const char* f, std::uint64_t n) {
  return limit(n, always(f));
}

std::vector<GeneratorPtr> parts(GeneratorPtr a, GeneratorPtr b) {
  std::vector<GeneratorPtr> both;
  both.push_back(std::move(a));
  both.push_back(std::move(b));
  return both;
}

// Asks for workers, keeps what each has in flight, and completes it.
struct Workers {
  Turn turn(Generator& generator, std::size_t worker = 0, std::int64_t process = 0) {
    Context context{now, worker, 4, flying.size(), random, process};
    Turn answer = generator.next(context);
    if (answer.kind == Turn::Kind::operation) flying[worker] = answer.invocation;
    return answer;
  }
  std::string ask(Generator& generator, std::size_t worker = 0, std::int64_t process = 0) {
    const Turn answer = turn(generator, worker, process);
    if (answer.kind == Turn::Kind::exhausted) return "over";
    std::string text = answer.kind == Turn::Kind::wait ? "wait" : std::string(answer.invocation.f.text());
    if (answer.at != Nanos(0) && answer.at != kNever)
      text += " @" + std::to_string(answer.at.count() / 1'000'000) + "ms";
    return text;
  }
  void complete(Generator& generator, std::size_t worker = 0, OpType type = OpType::ok, Value value = Value()) {
    const Invocation invocation = flying.at(worker);
    flying.erase(worker);
    Context context{now, worker, 4, flying.size(), random, 0};
    generator.completed(context, invocation, type, value);
  }
  std::string whole(Generator& generator, std::size_t worker = 0) {
    std::string out;
    for (int i = 0; i < 100; ++i) {
      const std::string answer = ask(generator, worker);
      out += (out.empty() ? "" : " ") + answer;
      if (answer == "over" || answer.starts_with("wait")) return out;
      complete(generator, worker);
    }
    return out;
  }
  Random random{1};
  Nanos now{0};
  std::map<std::size_t, Invocation> flying;
};

}  // namespace

TEST_CASE("delay sets operations apart evenly and catches up with what was missed") {
  Workers workers;
  GeneratorPtr generator = delay(10ms, always("read"));
  CHECK(workers.ask(*generator) == "read");
  CHECK(workers.ask(*generator) == "read @10ms");
  workers.now = 35ms;
  CHECK(workers.ask(*generator) == "read @20ms");
  CHECK(workers.ask(*generator) == "read @30ms");
  CHECK(workers.ask(*generator) == "read @40ms");
}

TEST_CASE("sleep has nothing until its time is over") {
  Workers workers;
  GeneratorPtr generator = sleep_for({20ms, 20ms});
  workers.now = 5ms;
  CHECK(workers.ask(*generator) == "wait @25ms");
  workers.now = 25ms;
  CHECK(workers.ask(*generator) == "over");
}

TEST_CASE("any takes the soonest and is over when all are") {
  Workers workers;
  GeneratorPtr generator = any(parts(delay(10ms, some("slow", 3)), limit(2, delay(4ms, always("fast")))));
  CHECK(workers.whole(*generator) == "slow fast fast @4ms slow @10ms slow @20ms over");
  GeneratorPtr waits = any(parts(sleep_for({5ms, 5ms}), some("read", 1)));
  CHECK(workers.whole(*waits) == "read wait @5ms");
}

TEST_CASE("flip-flop takes turns and ends with the one whose turn it is") {
  Workers workers;
  GeneratorPtr generator = flip_flop(parts(always("a"), some("b", 2)));
  CHECK(workers.whole(*generator) == "a b a b a over");
}

TEST_CASE("chain does not wait between its parts and synchronize does") {
  Workers workers;
  GeneratorPtr generator = chain(parts(some("a", 1), synchronize(some("b", 1))));
  CHECK(workers.ask(*generator, 0) == "a");
  CHECK(workers.ask(*generator, 1) == "wait");
  workers.complete(*generator, 0);
  CHECK(workers.ask(*generator, 1) == "b");
  CHECK(workers.ask(*generator, 2) == "over");
  GeneratorPtr unordered = chain(parts(some("a", 1), some("b", 1)));
  Workers others;
  CHECK(others.ask(*unordered, 0) == "a");
  CHECK(others.ask(*unordered, 1) == "b");
}

TEST_CASE("cycle begins anew so many times or for ever") {
  Workers workers;
  GeneratorPtr twice = cycle([] { return chain(parts(some("a", 1), some("b", 1))); }, 2);
  CHECK(workers.whole(*twice) == "a b a b over");
  CHECK(workers.ask(*twice) == "over");
  GeneratorPtr endless = cycle([] { return some("a", 1); });
  for (int i = 0; i < 10; ++i) CHECK(workers.ask(*endless) == "a");
  GeneratorPtr nothing = cycle([] { return some("a", 0); });
  CHECK(workers.ask(*nothing) == "over");
}

TEST_CASE("reserve gives groups of workers their own generator and their own barrier") {
  Workers workers;
  std::vector<std::pair<std::size_t, GeneratorPtr>> groups;
  groups.emplace_back(1, phases(parts(some("a", 1), some("b", 1))));
  groups.emplace_back(2, always("c"));
  GeneratorPtr generator = reserve(std::move(groups), always("rest"));
  CHECK(workers.ask(*generator, 1) == "c");
  CHECK(workers.ask(*generator, 2) == "c");
  CHECK(workers.ask(*generator, 3) == "rest");
  CHECK(workers.ask(*generator, 0) == "a");
  workers.complete(*generator, 0);
  // The others are busy, but they are not of this group.
  CHECK(workers.ask(*generator, 0) == "b");
  CHECK(workers.ask(*generator, 0) == "over");
  std::vector<std::pair<std::size_t, GeneratorPtr>> one;
  one.emplace_back(1, always("a"));
  GeneratorPtr no_rest = reserve(std::move(one), nullptr);
  CHECK(workers.ask(*no_rest, 3) == "over");
}

TEST_CASE("a process limit ends with the process after the last allowed one") {
  Workers workers;
  GeneratorPtr generator = process_limit(2, always("a"));
  CHECK(workers.ask(*generator, 0, 0) == "a");
  CHECK(workers.ask(*generator, 1, 1) == "a");
  CHECK(workers.ask(*generator, 0, 0) == "a");
  CHECK(workers.ask(*generator, 0, 4) == "over");
  CHECK(workers.ask(*generator, 1, 1) == "a");
}

TEST_CASE("a concurrency limit holds back what would be one too many") {
  Workers workers;
  GeneratorPtr generator = concurrency_limit(2, always("a"));
  CHECK(workers.ask(*generator, 0) == "a");
  CHECK(workers.ask(*generator, 1) == "a");
  CHECK(workers.ask(*generator, 2) == "wait");
  workers.complete(*generator, 1);
  CHECK(workers.ask(*generator, 2) == "a");
}

TEST_CASE("until-ok goes on until one is ok and pauses after each that is not") {
  Workers workers;
  GeneratorPtr generator = until_first_ok(always("a"), 10ms);
  CHECK(workers.ask(*generator) == "a");
  workers.now = 5ms;
  workers.complete(*generator, 0, OpType::fail);
  CHECK(workers.ask(*generator) == "a @15ms");
  workers.complete(*generator, 0, OpType::ok);
  CHECK(workers.ask(*generator) == "over");
}

TEST_CASE("until-answer counts the answers and gives up after troubles in a row") {
  Workers workers;
  GeneratorPtr generator = until_answer(Value(), 2, 3, always("a"));
  const auto once = [&](OpType type, Value value) {
    const std::string asked = workers.ask(*generator);
    if (asked != "over") workers.complete(*generator, 0, type, std::move(value));
    return asked;
  };
  CHECK(once(OpType::ok, 5) == "a");
  CHECK(once(OpType::ok, Value()) == "a");
  CHECK(once(OpType::fail, Value()) == "a");
  CHECK(once(OpType::ok, Value()) == "a");
  CHECK(once(OpType::ok, 5) == "over");
  generator = until_answer(Value(), 2, 3, always("a"));
  for (int i = 0; i < 3; ++i) CHECK(once(OpType::info, Value()) == "a");
  CHECK(once(OpType::ok, 5) == "over");
}

TEST_CASE("until ends as soon as operations end so and counts rows of one function alone") {
  Workers workers;
  const auto ends_after = [&](std::vector<Ending> endings, const std::vector<std::pair<OpType, int>>& each) {
    GeneratorPtr generator = until(std::move(endings), flip_flop(parts(always("a"), always("b"))));
    int operations = 0;
    for (const auto& [type, answer] : each) {
      if (workers.ask(*generator) == "over") return operations;
      ++operations;
      workers.complete(*generator, 0, type, answer);
    }
    return workers.ask(*generator) == "over" ? operations : -1;
  };
  using enum OpType;
  CHECK(ends_after({{.types = {info}}}, {{ok, 1}, {fail, 1}, {info, 1}, {ok, 1}}) == 3);
  CHECK(ends_after({{.functions = {Name("b")}, .types = {fail, info}}}, {{fail, 1}, {ok, 1}, {info, 1}, {info, 1}}) ==
        4);
  CHECK(ends_after({{.types = {ok}, .answer = Value(7)}}, {{ok, 1}, {fail, 7}, {ok, 7}}) == 3);
  // Of `a` only, which is every other one.
  CHECK(ends_after({{.functions = {Name("a")}, .types = {fail}, .in_a_row = 2}},
                   {{fail, 1}, {fail, 1}, {ok, 1}, {fail, 1}, {fail, 1}, {ok, 1}, {fail, 1}}) == 7);
  CHECK(ends_after({{.types = {fail}, .in_a_row = 2}}, {{fail, 1}, {ok, 1}, {fail, 1}, {ok, 1}}) == -1);
  CHECK(ends_after({{.types = {info}}, {.types = {fail}}}, {{ok, 1}, {fail, 1}}) == 2);
}

TEST_CASE("retry asks for what is unknown again before anything new and not for ever") {
  Workers workers;
  std::map<std::string, int> told;
  GeneratorPtr inner = limit(3, repeat([n = 0](Context&) mutable { return Invocation{Name("apply"), ++n}; }));
  GeneratorPtr generator =
      retry(3, answers([&](const Value& value) { ++told[std::to_string(value.integer())]; }, std::move(inner)));
  const auto asked = [&](std::size_t worker) { return workers.turn(*generator, worker).invocation.value; };
  CHECK(asked(0) == Value(1));
  CHECK(asked(1) == Value(2));
  workers.complete(*generator, 0, OpType::info, 1);
  CHECK(asked(2) == Value(1));  // another worker does it
  workers.complete(*generator, 2, OpType::info, 1);
  CHECK(asked(0) == Value(1));
  workers.complete(*generator, 0, OpType::info, 1);  // three times are enough
  CHECK(asked(0) == Value(3));
  workers.complete(*generator, 0, OpType::fail, 3);
  CHECK(workers.ask(*generator, 0) == "wait");  // 2 may have to be done again
  workers.complete(*generator, 1, OpType::info, 2);
  CHECK(asked(3) == Value(2));
  workers.complete(*generator, 3, OpType::ok, 2);
  CHECK(workers.ask(*generator, 0) == "over");
  // The inner one was told once how each of its operations ended first: no answer of a repetition is its.
  CHECK(told.empty());
}

TEST_CASE("shuffle has so many of each in every order alike") {
  std::map<std::string, int> orders;
  for (std::uint64_t seed = 0; seed < 6000; ++seed) {
    Workers workers;
    workers.random = Random(seed);
    std::vector<std::pair<std::uint64_t, GeneratorPtr>> choices;
    choices.emplace_back(2, always("a"));
    choices.emplace_back(1, always("b"));
    choices.emplace_back(5, some("c", 1));  // over before its number is reached
    GeneratorPtr generator = shuffle(std::move(choices));
    ++orders[workers.whole(*generator)];
  }
  // c counts as five places of eight until it has come, so orders that begin with it are likelier.
  CHECK(orders.size() == 12);
  int first_b = 0, second_c = 0;
  for (const auto& [order, times] : orders) {
    CHECK(order.ends_with(" over"));
    first_b += order.starts_with("b") ? times : 0;
    second_c += order.starts_with("a c") ? times : 0;
  }
  CHECK(std::abs(first_b - 750) < 130);    // 1/8 of them; five standard deviations
  CHECK(std::abs(second_c - 1071) < 150);  // 2/8 * 5/7
}

TEST_CASE("a shuffled part that waits does not hold up the others") {
  Workers workers;
  std::vector<std::pair<std::uint64_t, GeneratorPtr>> choices;
  choices.emplace_back(1000, concurrency_limit(1, always("a")));
  choices.emplace_back(1, always("b"));
  GeneratorPtr generator = shuffle(std::move(choices));
  std::set<std::string> both{workers.ask(*generator, 0), workers.ask(*generator, 1)};
  CHECK(both == std::set<std::string>{"a", "b"});
  CHECK(workers.ask(*generator, 2) == "wait");
}

TEST_CASE("let draws once and lengths of time are drawn when they are first needed") {
  Workers workers;
  int drawn = 0;
  Nanos length{0};
  const DrawTime ask = [&](Context&) { return length; };
  GeneratorPtr generator = let(
      [&](Context&) {
        ++drawn;
        length = 4ms;
      },
      chain(parts(sleep_for(ask), delay(ask, some("a", 3)))));
  CHECK(drawn == 0);
  CHECK(workers.ask(*generator) == "wait @4ms");
  length = 6ms;
  workers.now = 4ms;
  CHECK(workers.ask(*generator) == "a @4ms");
  length = 1s;
  CHECK(workers.ask(*generator) == "a @10ms");
  CHECK(workers.ask(*generator) == "a @16ms");
  CHECK(drawn == 1);
  length = -5ms;
  GeneratorPtr never = delay(ask, some("a", 2));
  CHECK(workers.ask(*never) == "a @4ms");
  CHECK(workers.ask(*never) == "a @4ms");
}

TEST_CASE("keys can be known by name and operations left as they are") {
  Workers workers;
  auto count = std::make_shared<KeyCount>();
  GeneratorPtr generator = on_keys(
      1, 2,
      [](std::int64_t key) {
        return until({{.types = {OpType::info}}}, repeat([key](Context&) {
                       return Invocation{Name("w"), Value::list({key, 7})};
                     }));
      },
      count);
  REQUIRE(generator->wants_completions());
  const auto next = [&](OpType type) {
    const Value value = workers.turn(*generator).invocation.value;
    workers.complete(*generator, 0, type, value);
    return value[0].integer();
  };
  CHECK(next(OpType::ok) == 0);
  CHECK(next(OpType::ok) == 0);
  CHECK(next(OpType::info) == 1);
  CHECK(next(OpType::ok) == 2);
  CHECK(count->used == 3);
}

TEST_CASE("only the part that an operation came from is told how it ended") {
  Workers workers;
  std::vector<std::pair<double, GeneratorPtr>> choices;
  choices.emplace_back(1, until_first_ok(always("a"), Nanos(0)));
  choices.emplace_back(1, until_first_ok(always("b"), Nanos(0)));
  GeneratorPtr generator = mix(std::move(choices));
  std::string first;
  while (first != "a") {
    if (!first.empty()) workers.complete(*generator, 0, OpType::fail);
    first = workers.ask(*generator, 0);
  }
  workers.complete(*generator, 0, OpType::ok);
  std::set<std::string> after;
  for (int i = 0; i < 20; ++i) {
    after.insert(workers.ask(*generator, 0));
    workers.complete(*generator, 0, OpType::fail);
  }
  CHECK(after == std::set<std::string>{"b"});
}

TEST_CASE("a key's generator is told how its own operations ended, without the key") {
  Workers workers;
  auto count = std::make_shared<KeyCount>();
  GeneratorPtr generator = per_key(
      1, 100, [](std::int64_t) { return until_answer(Value(7), 1, 100, always("read")); }, count);
  REQUIRE(generator->wants_completions());
  CHECK(workers.turn(*generator).invocation.value == Value::list({0, nullptr}));
  workers.complete(*generator, 0, OpType::ok, Value::list({0, 7}));
  CHECK(workers.turn(*generator).invocation.value == Value::list({1, nullptr}));
}

TEST_CASE("arrivals are due at fixed times whatever the system does") {
  Workers workers;
  auto counters = std::make_shared<ArrivalCounters>();
  ArrivalOptions options;
  options.rates = {{kNever, 100}};
  options.backlog = 5;
  GeneratorPtr generator = arrivals(options, always("a"), counters);
  CHECK(workers.turn(*generator).due == 0ms);
  CHECK(workers.turn(*generator).due == 10ms);
  // Nobody was free for a while: what waited is handed out at once, with the time when it was due.
  workers.now = 45ms;
  for (const auto due : {20ms, 30ms, 40ms, 50ms}) {
    const Turn turn = workers.turn(*generator);
    CHECK(turn.due == due);
    CHECK(turn.at == due);
  }
  CHECK(counters->dropped == 0);
  CHECK(counters->most_waiting == 3);
  // And for longer than the backlog holds: the oldest are dropped, and the times of the others stay.
  workers.now = 255ms;
  CHECK(workers.turn(*generator).due == 210ms);
  CHECK(counters->dropped == 15);
  CHECK(counters->handed_out == 7);
}

TEST_CASE("arrivals keep to their rates exactly and one after the other") {
  ArrivalOptions options;
  options.rates = {{1s, 3}, {1s, 1000}, {kNever, 10}};
  options.backlog = 100'000;
  auto counters = std::make_shared<ArrivalCounters>();
  GeneratorPtr generator = arrivals(options, always("a"), counters);
  Workers workers;
  std::map<int, int> in_second;
  for (Nanos due{0}; due < 4s;) {
    const Turn turn = workers.turn(*generator);
    due = turn.due;
    workers.now = due;
    ++in_second[static_cast<int>(due / 1s)];
  }
  CHECK(in_second[0] == 3);
  CHECK(std::abs(in_second[1] - 1000) <= 1);
  CHECK(std::abs(in_second[2] - 10) <= 1);
  CHECK(std::abs(in_second[3] - 10) <= 1);
}

TEST_CASE("Poisson arrivals have the rate and exponential distances and do not depend on what arrives") {
  const auto dues = [](bool busy) {
    ArrivalOptions options;
    options.rates = {{kNever, 1000}};
    options.poisson = true;
    GeneratorPtr inner = busy ? repeat([](Context& c) {
      return Invocation{Name("a"), static_cast<std::int64_t>(c.random.below(9))};
    })
                              : always("a");
    GeneratorPtr generator = arrivals(options, std::move(inner), std::make_shared<ArrivalCounters>());
    Workers workers;
    std::vector<Nanos> out;
    while (out.size() < 20'000) {
      out.push_back(workers.turn(*generator).due);
      workers.now = out.back();
    }
    return out;
  };
  const std::vector<Nanos> first = dues(false);
  CHECK(first == dues(true));
  const double seconds = std::chrono::duration<double>(first.back()).count();
  CHECK(seconds > 19.4);
  CHECK(seconds < 20.6);
  std::size_t longer_than_mean = 0;
  for (std::size_t i = 1; i < first.size(); ++i) longer_than_mean += first[i] - first[i - 1] > 1ms;
  CHECK(longer_than_mean > 7100);  // 1/e of them: 7358
  CHECK(longer_than_mean < 7600);
}
