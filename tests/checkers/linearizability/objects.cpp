#include "tests/checkers/linearizability/objects.h"

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

}  // namespace shaketable::objects
