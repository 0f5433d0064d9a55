#include "checkers/linearizability/zones.h"

#include <catch2/catch.hpp>

#include "tests/checkers/linearizability/brute_force.h"
#include "tests/checkers/linearizability/objects.h"
#include "tests/checkers/linearizability/recorded.h"

namespace shaketable {

namespace lin = linearizability;

TEST_CASE("zones answer as brute force does, at the same completion") {
  const brute::Object object = objects::unique_register();
  const Random seeds(3);
  int invalid = 0;
  for (int i = 0; i < 20000; ++i) {
    Random random = seeds.fork(std::to_string(i));
    const History history = brute::random_history(object, random);
    Recorded recorded(history, object.options);
    CAPTURE(i, brute::to_text(history));
    const auto expected = brute::first_failure(history, object);
    const auto answer = lin::linearizable_by_zones(*recorded.problem);
    REQUIRE(answer.has_value());
    REQUIRE(*answer == !expected.has_value());
    if (*answer) continue;
    ++invalid;
    const lin::ZoneFailure failure = lin::first_zone_failure(*recorded.problem);
    const lin::Event event = recorded.problem->events.at(failure.failed);
    REQUIRE(recorded.problem->ops[event.op].complete == *expected);
  }
  CHECK(invalid > 1000);
}

TEST_CASE("zones decline histories with ambiguous values") {
  const auto history = [](std::initializer_list<const char*> functions) {
    History h;
    for (const char* f : functions) {
      for (const OpType type : {OpType::invoke, OpType::ok}) {
        Operation op;
        op.f = Name(f);
        op.type = type;
        op.value = std::string_view(f) == "cas" ? Value::list({1, 2}) : Value(1);
        h.operations.push_back(op);
      }
    }
    return h;
  };
  const LinearizableOptions options;
  CHECK(lin::linearizable_by_zones(*Recorded(history({"write", "read"}), options).problem) == true);
  CHECK_FALSE(lin::linearizable_by_zones(*Recorded(history({"write", "write"}), options).problem).has_value());
  CHECK_FALSE(lin::linearizable_by_zones(*Recorded(history({"write", "cas"}), options).problem).has_value());
  LinearizableOptions one;
  one.initial = Value(1);
  CHECK_FALSE(lin::linearizable_by_zones(*Recorded(history({"write"}), one).problem).has_value());
}

}  // namespace shaketable
