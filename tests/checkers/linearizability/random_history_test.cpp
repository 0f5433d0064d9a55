// The checker against brute force, on small random histories with crashed operations and wrong answers.
// SHAKETABLE_RANDOM_HISTORIES sets how many per model.

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/checkers/linearizability/brute_force.h"
#include "tests/checkers/linearizability/objects.h"

namespace shaketable {

namespace {

int histories() {
  const char* text = std::getenv("SHAKETABLE_RANDOM_HISTORIES");
  return text ? std::atoi(text) : 4000;
}

void agree(const brute::Object& object) {
  const Random seeds(7);
  int valid = 0;
  const int count = histories();
  for (int i = 0; i < count; ++i) {
    Random random = seeds.fork(object.options.model + std::to_string(i));
    const History history = brute::random_history(object, random);
    const auto expected = brute::first_failure(history, object);
    const auto verdict = check_linearizable(history, object.options, Budget());
    const auto text = [&] {
      return object.options.model + " history " + std::to_string(i) + ":\n" + brute::to_text(history);
    };
    if (!verdict) FAIL(text() << verdict.error().message);
    if (verdict->valid != (expected ? Validity::invalid : Validity::valid))
      FAIL(text() << "checker: " << to_string(verdict->valid) << ", brute force: " << (expected ? "INVALID" : "valid"));
    if (expected) {
      const Value* prefix = verdict->details.find("prefix");
      if (!prefix || *prefix != Value(static_cast<std::int64_t>(*expected)))
        FAIL(text() << "the shortest prefix ends with " << *expected << "\n" << verdict->explanation);
    } else {
      ++valid;
    }
  }
  // Both verdicts are common, else the comparison says little.
  CHECK(valid > count / 20);
  CHECK(valid < count - count / 20);
}

}  // namespace

TEST_CASE("random register histories get the verdict of brute force") {
  agree(objects::register_object());
}
TEST_CASE("random cas-register histories get the verdict of brute force") {
  agree(objects::cas_register());
}
TEST_CASE("random unique-write histories get the verdict of brute force") {
  agree(objects::unique_register());
}
TEST_CASE("random multi-register histories get the verdict of brute force") {
  agree(objects::multi_register());
}
TEST_CASE("random histories of separate registers get the verdict of brute force") {
  agree(objects::separate_registers());
}

}  // namespace shaketable
