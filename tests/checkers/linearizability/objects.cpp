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
