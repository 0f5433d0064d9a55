#include "tests/checkers/linearizability/objects.h"

#include <algorithm>
#include <memory>

namespace shaketable::objects {

using Values = std::vector<Value>;

namespace {

Values numbers(int count) {
  Values values;
  for (int i = 0; i < count; ++i) values.push_back(i);
  return values;
}

Value number(Random& random, int count) {
  return Value(static_cast<std::int64_t>(random.below(count)));
}

Values register_step(const Value& state, std::string_view f, const Value& argument, const Value* result) {
  if (f == "write") return {argument};
  if (f == "cas") return argument[0] == state ? Values{argument[1]} : Values{};
  return !result || *result == state ? Values{state} : Values{};
}

}  // namespace

brute::Object register_object() {
  brute::Object object;
  object.options.model = "register";
  object.step = register_step;
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    if (random.chance(0.5)) return {"read", Value()};
    return {"write", number(random, 4)};
  };
  object.results = [](std::string_view f, const Value& argument) {
    if (f == "write") return Values{argument};
    Values all = numbers(4);
    all.push_back(Value());
    return all;
  };
  return object;
}

brute::Object cas_register() {
  brute::Object object = register_object();
  object.options.model = "cas-register";
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    const double x = random.uniform();
    if (x < 0.35) return {"read", Value()};
    if (x < 0.6) return {"write", number(random, 4)};
    return {"cas", Value::list({number(random, 4), number(random, 4)})};
  };
  object.results = [results = object.results](std::string_view f, const Value& argument) {
    return f == "cas" ? Values{argument} : results(f, argument);
  };
  object.operations_max = 12;
  return object;
}

namespace {

// All ways to fill the reads of a transaction with one of three values.
void fill(Values parts, std::size_t i, Values& all) {
  while (i < parts.size() && parts[i][0] == Value("write")) ++i;
  if (i == parts.size()) {
    all.push_back(Value::list(parts));
    return;
  }
  for (const Value& value : {Value(), Value(0), Value(1)}) {
    parts[i] = Value::list({parts[i][0], parts[i][1], value});
    fill(parts, i + 1, all);
  }
}

Values transaction_step(const Value& state, std::string_view, const Value& argument, const Value* result) {
  std::vector<std::pair<Value, Value>> entries;
  for (std::size_t i = 0; i < state.items().size(); i += 2)
    entries.emplace_back(state.items()[i], state.items()[i + 1]);
  Value now = state;
  for (std::size_t i = 0; i < argument.size(); ++i) {
    const Value& part = result ? (*result)[i] : argument[i];
    if (part[0] == Value("write")) {
      entries.emplace_back(part[1], part[2]);
      now = Value::map(entries);
    } else if (result) {
      const Value* held = now.find(part[1]);
      if (!((held ? *held : Value()) == part[2])) return {};
    }
  }
  return {now};
}

brute::Object transactions(int keys, int length_max) {
  brute::Object object;
  object.options.model = "multi-register";
  object.options.initial = Value::map({{"x", 0}});
  object.initial = Value::map({{"x", 0}});
  object.step = transaction_step;
  object.invoke = [=](Random& random) -> std::pair<std::string, Value> {
    const std::vector<Value> names = {"x", "y", "z"};
    Values parts;
    const Value first = names[random.below(static_cast<std::uint64_t>(keys))];
    for (std::int64_t n = random.between(1, length_max); n > 0; --n) {
      const Value key = length_max > 2 ? names[random.below(static_cast<std::uint64_t>(keys))] : first;
      parts.push_back(random.chance(0.5) ? Value::list({"read", key, Value()})
                                         : Value::list({"write", key, number(random, 2)}));
    }
    return {"txn", Value::list(parts)};
  };
  object.results = [](std::string_view, const Value& argument) {
    Values all;
    fill(Values(argument.items().begin(), argument.items().end()), 0, all);
    return all;
  };
  return object;
}

}  // namespace

brute::Object multi_register() {
  return transactions(3, 3);
}
brute::Object separate_registers() {
  return transactions(2, 2);
}

brute::Object unique_register() {
  brute::Object object = register_object();
  auto next = std::make_shared<int>(0);
  object.invoke = [next](Random& random) -> std::pair<std::string, Value> {
    if (random.chance(0.6)) return {"read", Value()};
    *next = (*next + 1) % 1000;
    return {"write", *next};
  };
  object.results = [next](std::string_view f, const Value& argument) {
    if (f == "write") return Values{argument};
    Values all = {Value()};
    for (int back = 0; back < 12 && *next - back > 0; ++back) all.push_back(*next - back);
    return all;
  };
  object.operations_max = 12;
  return object;
}

brute::Object kv_append() {
  brute::Object object;
  object.options.model = "kv-append";
  object.initial = Value::list({"", ""});
  object.step = [](const Value& state, std::string_view f, const Value& argument, const Value* result) -> Values {
    const std::size_t key = argument[0].text() == "x" ? 0 : 1;
    if (f == "get") return !result || (*result)[1] == state[key] ? Values{state} : Values{};
    Values both = {state[0], state[1]};
    both[key] = f == "put" ? argument[1] : Value(std::string(state[key].text()) + std::string(argument[1].text()));
    return {Value::list(both)};
  };
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    const Value key = random.chance(0.7) ? "x" : "y";
    const Value string = random.pick(std::vector<const char*>{"a", "b", "ab"});
    const double x = random.uniform();
    if (x < 0.4) return {"get", Value::list({key, Value()})};
    return {x < 0.55 ? "put" : "append", Value::list({key, string})};
  };
  object.results = [](std::string_view f, const Value& argument) {
    if (f != "get") return Values{argument};
    Values all;
    for (const char* string : {"", "a", "b", "ab", "ba", "aa", "bb", "aab", "aba", "baa", "abb", "bab", "bba", "abab"})
      all.push_back(Value::list({argument[0], string}));
    return all;
  };
  return object;
}

namespace {

bool holds(const Value& state, const Value& item) {
  for (const Value& other : state.items())
    if (other == item) return true;
  return false;
}

Values set_step(const Value& state, std::string_view f, const Value& argument, const Value* result) {
  Values items(state.items().begin(), state.items().end());
  const bool there = !argument.is_nil() && holds(state, argument);
  if (f == "read") return !result || *result == state ? Values{state} : Values{};
  if (f == "contains") return !result || *result == Value(there) ? Values{state} : Values{};
  const bool changes = f == "add" ? !there : there;
  if (result && result->kind() == Value::Kind::boolean && result->boolean() != changes) return {};
  if (f == "add") items.push_back(argument);
  if (f == "remove") std::erase(items, argument);
  return {Value::set(items)};
}

}  // namespace

brute::Object gset() {
  brute::Object object;
  object.options.model = "gset";
  object.initial = Value::set({});
  object.step = set_step;
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    const double x = random.uniform();
    if (x < 0.35) return {"read", Value()};
    return {x < 0.45 ? "contains" : "add", number(random, 4)};
  };
  object.results = [](std::string_view f, const Value& argument) {
    if (f == "contains") return Values{true, false};
    if (f != "read") return Values{argument, true, false, Value()};
    Values all;
    for (int bits = 0; bits < 16; ++bits) {
      Values items;
      for (int i = 0; i < 4; ++i)
        if (bits >> i & 1) items.push_back(i);
      all.push_back(Value::set(items));
    }
    return all;
  };
  return object;
}

brute::Object set_object() {
  brute::Object object = gset();
  object.options.model = "set";
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    const double x = random.uniform();
    if (x < 0.2) return {"read", Value()};
    return {x < 0.4 ? "contains" : x < 0.7 ? "add" : "remove", number(random, 3)};
  };
  return object;
}

brute::Object growing_set() {
  brute::Object object = gset();
  object.options.initial = Value::list({3});
  object.initial = Value::set({3});
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    if (random.chance(0.5)) return {"read", Value()};
    return {"add", number(random, 4)};
  };
  object.results = [results = object.results](std::string_view f, const Value& argument) {
    return f == "add" ? Values{argument} : results(f, argument);
  };
  return object;
}

brute::Object separate_set() {
  brute::Object object = set_object();
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    const double x = random.uniform();
    return {x < 0.4 ? "contains" : x < 0.7 ? "add" : "remove", number(random, 2)};
  };
  return object;
}

brute::Object queue(const char* model, bool unique, bool filled) {
  const std::string_view name = model;
  const bool stack = name == "stack";
  brute::Object object;
  object.options.model = model;
  object.initial = filled ? Value::list({1500, -1, 1400}) : Value::list({});
  object.options.initial = object.initial;
  object.step = [=](const Value& state, std::string_view f, const Value& argument, const Value* result) -> Values {
    Values items(state.items().begin(), state.items().end());
    if (f == "enqueue" || f == "push") {
      items.push_back(argument);
      return {Value::list(items)};
    }
    if (items.empty()) return !result || result->is_nil() ? Values{state} : Values{};
    Values after;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (name == "fifo-queue" && i > 0) break;
      if (stack && i + 1 < items.size()) continue;
      if (name == "priority-queue" &&
          std::any_of(items.begin(), items.end(), [&](const Value& v) { return v < items[i]; }))
        continue;
      if (result && !(items[i] == *result)) continue;
      Values rest = items;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      after.push_back(Value::list(rest));
    }
    return after;
  };
  auto next = std::make_shared<int>(0);
  auto nth = [](int n) { return Value(n * 617 % 1000); };  // all different, in no order
  object.invoke = [=](Random& random) -> std::pair<std::string, Value> {
    if (random.chance(0.5)) return {stack ? "pop" : "dequeue", Value()};
    *next = (*next + 1) % 1000;
    return {stack ? "push" : "enqueue", unique ? nth(*next) : number(random, 3)};
  };
  object.results = [=](std::string_view f, const Value& argument) {
    if (f == "enqueue" || f == "push") return Values{argument};
    Values all = {Value()};
    if (!unique) all = {Value(), 0, 1, 2};
    if (filled) all.insert(all.end(), {1400, 1500, -1});
    for (int back = 0; unique && back < 10 && *next - back > 0; ++back) all.push_back(nth(*next - back));
    return all;
  };
  return object;
}

namespace {

// Locks know who calls by the value {"client": n}, for brute force does not see processes.
brute::Object lock(const char* model) {
  brute::Object object;
  object.options.model = model;
  object.initial = Value::list({Value(), 0, -1});  // holder, times, last fence
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    return {random.chance(0.55) ? "acquire" : "release", Value::map({{"client", number(random, 2)}})};
  };
  object.results = [](std::string_view, const Value& argument) { return Values{argument}; };
  return object;
}

}  // namespace

brute::Object mutex() {
  brute::Object object = lock("mutex");
  object.step = [](const Value& state, std::string_view f, const Value&, const Value*) -> Values {
    if ((f == "acquire") != (state[1] == Value(0))) return {};
    return {Value::list({Value(), f == "acquire" ? 1 : 0, -1})};
  };
  return object;
}

brute::Object reentrant_mutex() {
  brute::Object object = lock("reentrant-mutex");
  object.step = [](const Value& state, std::string_view f, const Value& argument, const Value*) -> Values {
    const Value who = *argument.find("client");
    const std::int64_t times = state[1].integer();
    if (times > 0 && !(state[0] == who)) return {};
    if (f == "acquire") return {Value::list({who, times + 1, -1})};
    if (times == 0) return {};
    return {Value::list({times == 1 ? Value() : who, times - 1, -1})};
  };
  return object;
}

brute::Object fenced_mutex() {
  brute::Object object = lock("fenced-mutex");
  object.step = [](const Value& state, std::string_view f, const Value& argument, const Value* result) -> Values {
    const Value who = *argument.find("client");
    if (f == "release") return state[0] == who ? Values{Value::list({Value(), 0, state[2]})} : Values{};
    if (!state[0].is_nil()) return {};
    Values after;
    for (std::int64_t fence = state[2].integer() + 1; fence < 30; ++fence)
      if (!result || result->is_nil() || *result == Value(fence)) after.push_back(Value::list({who, 1, fence}));
    return after;
  };
  object.results = [](std::string_view f, const Value& argument) {
    if (f == "release") return Values{argument};
    return Values{Value(), 0, 1, 2, 3, 4, 5, 6, 7};
  };
  object.operations_max = 8;
  return object;
}

brute::Object semaphore() {
  brute::Object object;
  object.options.model = "semaphore";
  object.options.initial = Value(3);
  object.initial = Value(3);
  object.step = [](const Value& state, std::string_view f, const Value& argument, const Value*) -> Values {
    const std::int64_t n = argument.is_nil() ? 1 : argument.integer();
    const std::int64_t left = state.integer() + (f == "acquire" ? -n : n);
    return left >= 0 && left <= 3 ? Values{Value(left)} : Values{};
  };
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    return {random.chance(0.55) ? "acquire" : "release", random.chance(0.3) ? Value() : Value(random.between(1, 3))};
  };
  object.results = [](std::string_view, const Value& argument) { return Values{argument}; };
  return object;
}

brute::Object counter() {
  brute::Object object;
  object.options.model = "counter";
  object.initial = Value(0);
  object.step = [](const Value& state, std::string_view f, const Value& argument, const Value* result) -> Values {
    if (f == "add") return {Value(state.integer() + argument.integer())};
    return !result || *result == state ? Values{state} : Values{};
  };
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    if (random.chance(0.5)) return {"read", Value()};
    return {"add", random.between(-1, 2)};
  };
  object.results = [](std::string_view f, const Value& argument) {
    if (f == "add") return Values{argument};
    Values all;
    for (int i = -4; i < 12; ++i) all.push_back(i);
    return all;
  };
  return object;
}

brute::Object even_counter() {
  brute::Object object = counter();
  object.options.initial = Value(1);
  object.initial = Value(1);
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    if (random.chance(0.5)) return {"read", Value()};
    return {"add", Value(random.chance(0.1) ? 0 : -2)};
  };
  object.results = [](std::string_view f, const Value& argument) {
    if (f == "add") return Values{argument};
    Values all;
    for (int i = 2; i > -12; --i) all.push_back(i);
    return all;
  };
  object.operations_max = 12;
  return object;
}

brute::Object log() {
  brute::Object object;
  object.options.model = "log";
  object.initial = Value::list({});
  object.step = [](const Value& state, std::string_view f, const Value& argument, const Value* result) -> Values {
    Values items(state.items().begin(), state.items().end());
    if (f == "read") return !result || *result == state ? Values{state} : Values{};
    if (f == "get") {
      const auto place = static_cast<std::size_t>(argument.integer());
      return !result || *result == (place < items.size() ? items[place] : Value()) ? Values{state} : Values{};
    }
    if (result && result->is_list() && !((*result)[1] == Value(static_cast<std::int64_t>(items.size())))) return {};
    items.push_back(argument);
    return {Value::list(items)};
  };
  object.invoke = [](Random& random) -> std::pair<std::string, Value> {
    const double x = random.uniform();
    if (x < 0.2) return {"read", Value()};
    return {x < 0.5 ? "get" : "append", number(random, 3)};
  };
  object.results = [](std::string_view f, const Value& argument) {
    Values all;
    if (f == "append") {
      all.push_back(argument);
      for (int i = 0; i < 5; ++i) all.push_back(Value::list({argument, i}));
    } else if (f == "get") {
      all = {Value(), 0, 1, 2};
    } else {
      all.push_back(Value::list({}));
      for (int a = 0; a < 3; ++a) {
        all.push_back(Value::list({a}));
        for (int b = 0; b < 3; ++b) {
          all.push_back(Value::list({a, b}));
          for (int c = 0; c < 3; ++c) all.push_back(Value::list({a, b, c}));
        }
      }
    }
    return all;
  };
  object.operations_max = 8;
  return object;
}

}  // namespace shaketable::objects
