#include "workloads/generator.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

using namespace shaketable;
using std::chrono::milliseconds;

namespace {

GeneratorPtr always(const char* f) {
  return repeat([name = Name(f)](Context&) { return Invocation{name, Value()}; });
}

// A worker that asks at `now`; answers as words: "read", "read @5ms", "wait", "wait @5ms", "over".
struct Asker {
  explicit Asker(std::uint64_t seed = 1) : random(seed) {}
  Turn turn(Generator& generator, std::size_t worker = 0) {
    Context context{now, worker, 4, in_flight, random};
    return generator.next(context);
  }
  std::string ask(Generator& generator, std::size_t worker = 0) {
    const Turn answer = turn(generator, worker);
    if (answer.kind == Turn::Kind::exhausted) return "over";
    std::string text = answer.kind == Turn::Kind::wait ? "wait" : std::string(answer.invocation.f.text());
    if (answer.kind == Turn::Kind::operation) ++in_flight;
    if (answer.at != Nanos(0) && answer.at != kNever)
      text += " @" + std::to_string(answer.at.count() / 1'000'000) + "ms";
    return text;
  }
  void complete(Generator& generator, const Invocation& invocation, OpType type) {
    --in_flight;
    Context context{now, 0, 4, in_flight, random};
    generator.completed(context, invocation, type, invocation.value);
  }
  Random random;
  Nanos now{0};
  std::size_t in_flight = 0;
};

std::vector<GeneratorPtr> parts(GeneratorPtr a, GeneratorPtr b) {
  std::vector<GeneratorPtr> both;
  both.push_back(std::move(a));
  both.push_back(std::move(b));
  return both;
}

std::vector<std::pair<double, GeneratorPtr>> weighted(double x, GeneratorPtr a, double y, GeneratorPtr b) {
  std::vector<std::pair<double, GeneratorPtr>> both;
  both.emplace_back(x, std::move(a));
  both.emplace_back(y, std::move(b));
  return both;
}

}  // namespace

TEST_CASE("limit ends after so many operations") {
  Asker asker;
  GeneratorPtr generator = limit(2, always("read"));
  CHECK(asker.ask(*generator) == "read");
  CHECK(asker.ask(*generator) == "read");
  CHECK(asker.ask(*generator) == "over");
  CHECK(asker.ask(*generator) == "over");
}

TEST_CASE("time_limit counts from the first question, and drops what was planned beyond it") {
  Asker asker;
  asker.now = milliseconds(500);
  GeneratorPtr generator = time_limit(milliseconds(100), always("read"));
  CHECK(asker.ask(*generator) == "read");
  asker.now = milliseconds(599);
  CHECK(asker.ask(*generator) == "read");
  asker.now = milliseconds(600);
  CHECK(asker.ask(*generator) == "over");

  // One operation in about ten seconds: the second lies beyond the limit.
  Asker slow;
  GeneratorPtr planned = time_limit(milliseconds(100), stagger(0.1, always("read")));
  CHECK(slow.ask(*planned) == "read");
  CHECK(slow.ask(*planned) == "over");
}

TEST_CASE("stagger gives the rate over all workers") {
  Asker asker;
  GeneratorPtr generator = stagger(1000, always("read"));
  Nanos last{0}, longest{0};
  int operations = 0;
  while (true) {
    const Turn turn = asker.turn(*generator, static_cast<std::size_t>(operations % 4));
    REQUIRE(turn.kind == Turn::Kind::operation);
    REQUIRE(turn.at >= last);
    longest = std::max(longest, turn.at - last);
    last = turn.at;
    if (turn.at > std::chrono::seconds(10)) break;
    asker.now = std::max(asker.now, turn.at);
    ++operations;
  }
  CHECK(operations > 9'700);
  CHECK(operations < 10'300);
  CHECK(longest <= milliseconds(2));
}

TEST_CASE("stagger does not run after what it missed in a long standstill") {
  Asker asker;
  GeneratorPtr generator = stagger(1000, always("read"));
  CHECK(asker.turn(*generator).at == Nanos(0));
  asker.now = std::chrono::seconds(60);
  int at_once = 0;
  while (asker.turn(*generator).at <= asker.now) ++at_once;
  CHECK(at_once > 70);
  CHECK(at_once < 140);
}

TEST_CASE("mix draws by weight and forgets what is exhausted") {
  Asker asker;
  std::vector<std::pair<double, GeneratorPtr>> choices = weighted(3, always("read"), 1, limit(50, always("write")));
  choices.emplace_back(0, always("never"));
  GeneratorPtr generator = mix(std::move(choices));
  std::map<std::string, int> first;
  for (int i = 0; i < 100; ++i) ++first[asker.ask(*generator)];
  CHECK(first["write"] > 10);
  CHECK(first["write"] < 45);
  for (int i = 0; i < 900; ++i) ++first[asker.ask(*generator)];
  CHECK(first["write"] == 50);
  CHECK(first["read"] == 950);
  GeneratorPtr ends = mix(weighted(1, limit(2, always("a")), 1, limit(3, always("b"))));
  std::map<std::string, int> all;
  for (int i = 0; i < 7; ++i) ++all[asker.ask(*ends)];
  CHECK(all == std::map<std::string, int>{{"a", 2}, {"b", 3}, {"over", 2}});
}

TEST_CASE("one part of a mix that waits does not hold up the others") {
  Asker asker;
  asker.in_flight = 1;  // so that the phases wait
  GeneratorPtr generator =
      mix(weighted(1000, phases(parts(limit(0, always("a")), always("b"))), 1, limit(2, always("c"))));
  CHECK(asker.ask(*generator) == "c");
  CHECK(asker.ask(*generator) == "c");
  CHECK(asker.ask(*generator) == "wait");
}

TEST_CASE("phases wait until nothing is in flight") {
  Asker asker;
  GeneratorPtr generator = phases(parts(limit(2, always("write")), limit(1, always("read"))));
  CHECK(generator->wants_completions());
  CHECK(asker.ask(*generator, 0) == "write");
  CHECK(asker.ask(*generator, 1) == "write");
  CHECK(asker.ask(*generator, 2) == "wait");
  asker.complete(*generator, {Name("write"), Value()}, OpType::info);
  CHECK(asker.ask(*generator, 2) == "wait");
  asker.complete(*generator, {Name("write"), Value()}, OpType::ok);
  CHECK(asker.ask(*generator, 2) == "read");
  CHECK(asker.ask(*generator, 0) == "over");
}

TEST_CASE("each_worker has a generator and a random stream for each worker") {
  const auto draws = [](const std::vector<std::size_t>& order) {
    Asker asker(8);
    GeneratorPtr generator = each_worker([](std::size_t worker) {
      return limit(2, repeat([worker](Context& context) {
                     return Invocation{Name("draw"),
                                       Value::list({static_cast<std::int64_t>(worker),
                                                    static_cast<std::int64_t>(context.random.below(1'000'000))})};
                   }));
    });
    std::multiset<Value> values;
    for (std::size_t worker : order) {
      const Turn turn = asker.turn(*generator, worker);
      if (turn.kind == Turn::Kind::operation) values.insert(turn.invocation.value);
    }
    return values;
  };
  const std::multiset<Value> some = draws({0, 0, 1, 1, 2, 2, 2});
  CHECK(some.size() == 6);
  CHECK(draws({2, 1, 0, 2, 1, 0, 0}) == some);
}

TEST_CASE("until_ok tries each again until it was ok, but not for ever") {
  Asker asker;
  const Invocation a{Name("a"), 1}, b{Name("b"), 2};
  GeneratorPtr generator = until_ok([&] { return std::vector<Invocation>{a, b}; }, 3, milliseconds(10));
  CHECK(asker.ask(*generator) == "a");
  CHECK(asker.ask(*generator) == "b");
  CHECK(asker.ask(*generator) == "wait");
  asker.complete(*generator, a, OpType::ok);
  asker.complete(*generator, b, OpType::fail);
  CHECK(asker.ask(*generator) == "b @10ms");
  asker.now = milliseconds(20);
  asker.complete(*generator, b, OpType::info);
  CHECK(asker.ask(*generator) == "b @30ms");
  asker.complete(*generator, b, OpType::fail);
  CHECK(asker.ask(*generator) == "over");
}

TEST_CASE("per_key works on a few keys at once, and on each for so many operations") {
  Asker asker;
  auto count = std::make_shared<KeyCount>();
  int made = 0;
  GeneratorPtr generator = per_key(
      3, 10,
      [&](std::int64_t) {
        ++made;
        return repeat([n = std::int64_t{0}](Context&) mutable { return Invocation{Name("write"), ++n}; });
      },
      count);
  std::map<std::int64_t, std::int64_t> operations;
  for (int i = 0; i < 1000; ++i) {
    const Turn turn = asker.turn(*generator);
    const std::int64_t key = turn.invocation.value[0].integer();
    // The operations on one key come in the order of its own generator.
    REQUIRE(turn.invocation.value[1].integer() == ++operations[key]);
    std::size_t unfinished = 0;
    for (const auto& [name, n] : operations) unfinished += n < 10;
    REQUIRE(unfinished <= 3);
  }
  for (const auto& [key, n] : operations) CHECK(n <= 10);
  CHECK(count->used >= 100);
  CHECK(count->used <= 103);
  CHECK(made == count->used);
}

TEST_CASE("per_key over generators that have nothing ends") {
  Asker asker;
  GeneratorPtr generator = per_key(
      2, 10, [](std::int64_t) { return sequence({}); }, std::make_shared<KeyCount>());
  CHECK(asker.ask(*generator) == "over");
}
