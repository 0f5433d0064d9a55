// The checker against brute force, on small random histories with crashed operations and wrong answers.
// SHAKETABLE_RANDOM_HISTORIES sets how many per model; 100000, or 2000 where the program is slow.

#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/checkers/linearizability/brute_force.h"
#include "tests/checkers/linearizability/objects.h"

namespace shaketable {

namespace {

int histories() {
  if (const char* text = std::getenv("SHAKETABLE_RANDOM_HISTORIES")) return std::atoi(text);
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  return 100'000;
#else
  return 2000;
#endif
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
TEST_CASE("random separate-register histories get the verdict of brute force") {
  agree(objects::separate_registers());
}
TEST_CASE("random kv-append histories get the verdict of brute force") {
  agree(objects::kv_append());
}
TEST_CASE("random set histories get the verdict of brute force") {
  agree(objects::set_object());
}
TEST_CASE("random add-and-read set histories get the verdict of brute force") {
  agree(objects::growing_set());
}
TEST_CASE("random set histories without reads get the verdict of brute force") {
  agree(objects::separate_set());
}
TEST_CASE("random gset histories get the verdict of brute force") {
  agree(objects::gset());
}
TEST_CASE("random fifo-queue histories get the verdict of brute force") {
  agree(objects::queue("fifo-queue", false));
}
TEST_CASE("random unique-value fifo-queue histories get the verdict of brute force") {
  agree(objects::queue("fifo-queue", true));
}
TEST_CASE("random histories of a filled fifo-queue get the verdict of brute force") {
  agree(objects::queue("fifo-queue", true, true));
}
TEST_CASE("random unordered-queue histories get the verdict of brute force") {
  agree(objects::queue("unordered-queue", false));
}
TEST_CASE("random unique-value unordered-queue histories get the verdict of brute force") {
  agree(objects::queue("unordered-queue", true));
}
TEST_CASE("random histories of a filled unordered-queue get the verdict of brute force") {
  agree(objects::queue("unordered-queue", true, true));
}
TEST_CASE("random stack histories get the verdict of brute force") {
  agree(objects::queue("stack", false));
}
TEST_CASE("random unique-value stack histories get the verdict of brute force") {
  agree(objects::queue("stack", true));
}
TEST_CASE("random histories of a filled stack get the verdict of brute force") {
  agree(objects::queue("stack", true, true));
}
TEST_CASE("random priority-queue histories get the verdict of brute force") {
  agree(objects::queue("priority-queue", false));
}
TEST_CASE("random unique-value priority-queue histories get the verdict of brute force") {
  agree(objects::queue("priority-queue", true));
}
TEST_CASE("random histories of a filled priority-queue get the verdict of brute force") {
  agree(objects::queue("priority-queue", true, true));
}
TEST_CASE("random mutex histories get the verdict of brute force") {
  agree(objects::mutex());
}
TEST_CASE("random reentrant-mutex histories get the verdict of brute force") {
  agree(objects::reentrant_mutex());
}
TEST_CASE("random fenced-mutex histories get the verdict of brute force") {
  agree(objects::fenced_mutex());
}
TEST_CASE("random semaphore histories get the verdict of brute force") {
  agree(objects::semaphore());
}
TEST_CASE("random counter histories get the verdict of brute force") {
  agree(objects::counter());
}
TEST_CASE("random histories of a counter with equal adds get the verdict of brute force") {
  agree(objects::even_counter());
}
TEST_CASE("random log histories get the verdict of brute force") {
  agree(objects::log());
}

}  // namespace shaketable
