#include "history/value.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <thread>
#include <unordered_set>

#include "history/operation.h"
#include "tests/history/random_values.h"

namespace shaketable {
namespace {

Value list(std::vector<Value> items) {
  return Value::list(std::move(items));
}

TEST_CASE("a value knows its kind and its content") {
  CHECK(Value().is_nil());
  CHECK(Value(nullptr).is_nil());
  CHECK(Value(true).kind() == Value::Kind::boolean);
  CHECK(Value(true).boolean());
  CHECK(Value(-3).integer() == -3);
  CHECK(Value(std::int64_t{1} << 60).integer() == std::int64_t{1} << 60);
  CHECK(Value(1.5).real() == 1.5);
  CHECK(Value("x").text() == "x");
  CHECK(Value("").text() == "");
  CHECK(Value(std::string("a\0b", 3)).text().size() == 3);
  CHECK(Value::keyword("ok").kind() == Value::Kind::keyword);
  CHECK(Value::keyword("ok").text() == "ok");
  CHECK(list({1, "a"}).size() == 2);
  CHECK(list({1, "a"})[1] == Value("a"));
  CHECK(list({}).items().empty());
}

TEST_CASE("different kinds are never equal") {
  const std::vector<Value> values{Value(),  Value(false),   Value(0),      Value(0.0), Value("0"), Value::keyword("0"),
                                  list({}), Value::set({}), Value::map({})};
  for (std::size_t i = 0; i < values.size(); ++i)
    for (std::size_t j = 0; j < values.size(); ++j) {
      CHECK((values[i] == values[j]) == (i == j));
      CHECK((values[i] < values[j]) == (i < j));
    }
}

TEST_CASE("sets are sorted and hold nothing twice") {
  CHECK(Value::set({3, 1, 2, 3, 1}) == Value::set({1, 2, 3}));
  CHECK(Value::set({3, 1, 3}).size() == 2);
  CHECK(Value::set({3, 1}).items()[0] == Value(1));
}

TEST_CASE("maps are sorted by key, of equal keys the last stands") {
  const Value map = Value::map({{"b", 1}, {"a", 2}, {"b", 3}, {4, 5}});
  CHECK(map.size() == 3);
  REQUIRE(map.find("b"));
  CHECK(*map.find("b") == Value(3));
  REQUIRE(map.find(4));
  CHECK(*map.find(4) == Value(5));
  CHECK(map.find("c") == nullptr);
  CHECK(map.find(Value::keyword("b")) == nullptr);
  CHECK(Value::map({}).find(1) == nullptr);
  CHECK(map == Value::map({{4, 5}, {"a", 2}, {"b", 3}}));
}

TEST_CASE("a list made of a span takes the items out of it") {
  std::vector<Value> items{1, list({2}), "x"};
  const Value made = Value::list_of(items);
  CHECK(made == list({1, list({2}), "x"}));
  CHECK(items.size() == 3);
  CHECK(items[1].is_nil());
}

TEST_CASE("values outlive what they were copied from") {
  Value inner;
  {
    const Value outer = list({list({1, "deep"}), 2});
    inner = outer[0];
  }
  CHECK(inner[1].text() == "deep");
  Value self = list({1});
  const Value& alias = self;
  self = alias;
  CHECK(self == list({1}));
  Value moved = std::move(self);
  CHECK(moved == list({1}));
  CHECK(self.is_nil());  // NOLINT(bugprone-use-after-move): moved-from values are nil
}

TEST_CASE("reals have a total order, NaN and both zeros included") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> reals{-infinity, -1.5, -0.0, -nan, 0.0, 1e-300, 1.5, infinity, nan};
  for (double a : reals) {
    CHECK(Value(a) == Value(a));
    CHECK_FALSE(Value(a) < Value(a));
    for (double b : reals) {
      CHECK((Value(a) < Value(b)) + (Value(b) < Value(a)) + (Value(a) == Value(b)) == 1);
      for (double c : reals)
        if (Value(a) < Value(b) && Value(b) < Value(c)) CHECK(Value(a) < Value(c));
    }
  }
}

TEST_CASE("order and hash of random values are consistent") {
  Random random(12);
  std::vector<Value> values;
  for (int i = 0; i < 300; ++i) values.push_back(random_value(random));
  for (const Value& a : values)
    for (const Value& b : values) {
      const int order = Value::compare(a, b);
      REQUIRE(order == -Value::compare(b, a));
      if (order == 0) REQUIRE(a.hash() == b.hash());
    }
  std::vector<Value> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  REQUIRE(std::is_sorted(sorted.begin(), sorted.end()));
  for (std::size_t i = 0; i < sorted.size(); i += 7)
    for (std::size_t j = i; j < sorted.size(); j += 5) REQUIRE(Value::compare(sorted[i], sorted[j]) <= 0);
}

TEST_CASE("hashes of neighbouring numbers, texts and lists do not collide") {
  std::unordered_set<std::uint64_t> hashes;
  std::size_t values = 0;
  const auto add = [&](const Value& value) {
    hashes.insert(value.hash());
    ++values;
  };
  for (int i = -20'000; i < 20'000; ++i) {
    add(i);
    add(i * 0.5);
    add(std::to_string(i));
    add(list({i, i + 1}));
    add(list({list({i}), i}));
  }
  CHECK(hashes.size() == values);
}

TEST_CASE("threads may copy and drop the same value") {
  const Value shared = list({"a long enough text to be worth sharing", list({1, 2, 3})});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&shared] {
        for (int i = 0; i < 5'000; ++i) {
          Value copy = shared;
          Value inner = copy[1];
          if (inner.size() != 3) std::abort();
        }
      });
  }
  CHECK(shared[1] == list({1, 2, 3}));
}

TEST_CASE("names are equal by text, and the empty name is nil's") {
  CHECK(Name("read") == Name("read"));
  CHECK_FALSE(Name("read") == Name("write"));
  CHECK(Name().empty());
  CHECK(Name("").empty());
  CHECK(Name("") == Name());
  CHECK(Name("read").text() == "read");
  std::vector<std::uint32_t> ids(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < ids.size(); ++t)
      threads.emplace_back([&ids, t] {
        for (int i = 0; i < 200; ++i) ids[t] = Name("threaded-" + std::to_string(i)).id();
      });
  }
  for (std::uint32_t id : ids) CHECK(id == ids[0]);
}

TEST_CASE("the types of operations have their words") {
  CHECK(to_string(OpType::invoke) == "invoke");
  CHECK(to_string(OpType::ok) == "ok");
  CHECK(to_string(OpType::fail) == "fail");
  CHECK(to_string(OpType::info) == "info");
}

}  // namespace
}  // namespace shaketable
