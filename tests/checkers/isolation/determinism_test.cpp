// The same history gets the same answer, word for word: on any number of threads, again and again, and also where the
// search for the shortest cycle ends with its steps.

#include <atomic>
#include <thread>

#include "tests/checkers/isolation/brute_force.h"

namespace shaketable::isolation {
namespace {

class Threads final : public Pool {
 public:
  explicit Threads(std::size_t threads) : threads_(threads) {}
  std::size_t threads() const override { return threads_; }
  void run(std::size_t count, const std::function<void(std::size_t)>& work) override {
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> all;
    for (std::size_t i = 0; i < threads_; ++i)
      all.emplace_back([&] {
        for (std::size_t j = next++; j < count; j = next++) work(j);
      });
  }

 private:
  std::size_t threads_;
};

// All that a verdict says.
std::string everything(const Result<Verdict>& verdict) {
  REQUIRE(verdict);
  std::string text = std::string(to_string(verdict->valid)) + "\n" + verdict->reason + "\n" + verdict->explanation +
                     to_json(verdict->details);
  for (const auto& [name, found] : verdict->anomalies)
    for (const Anomaly& anomaly : found) text += name + "\n" + anomaly.text + to_json(anomaly.details);
  for (const std::string& model : verdict->not_models) text += " " + model;
  for (const std::string& model : verdict->also_not) text += " " + model;
  return text;
}

// A larger one: components of dozens of transactions, so that a search has something to choose from.
SmallHistory large(Random& random, bool lists) {
  return draw(random, lists, 60, Store::stale);
}

TEST_CASE("one thread, two, again, and few steps give one answer") {
  Threads one(1), two(2);
  Random random(99);
  std::size_t invalid = 0;
  for (int round = 0; round < rounds(60); ++round) {
    const bool lists = round % 2 == 0;
    const SmallHistory small = large(random, lists);
    const History history = small.history();
    INFO(small.text());
    for (const std::uint64_t steps : {20'000'000ull, 1ull}) {
      IsolationOptions options = asking("strict-serializable");
      options.search_steps_max = steps;
      const auto check = [&](Pool* pool) {
        return lists ? check_list_append(history, options, Budget(), pool)
                     : check_rw_register(history, options, Budget(), pool);
      };
      const std::string alone = everything(check(&one));
      CHECK(everything(check(&two)) == alone);
      CHECK(everything(check(nullptr)) == alone);
      invalid += alone.starts_with("INVALID");
    }
    if (lists) continue;
    for (const std::string_view name : weak_level_names()) {
      const auto check = [&](Pool* pool) { return check_weak(history, *weak_level(name), {}, Budget(), pool); };
      CHECK(everything(check(&two)) == everything(check(&one)));
    }
  }
  CHECK(invalid > 60);
}

TEST_CASE("a search that ends with its steps never turns an answer round") {
  Random random(100);
  for (int round = 0; round < rounds(200); ++round) {
    const SmallHistory small = large(random, true);
    INFO(small.text());
    for (const char* model : {"serializable", "snapshot-isolation", "consistent-view", "strict-serializable"}) {
      IsolationOptions options = asking(model);
      const Result<Verdict> whole = check_list_append(small.history(), options);
      options.search_steps_max = 1;
      const Result<Verdict> cut = check_list_append(small.history(), options);
      REQUIRE(whole);
      REQUIRE(cut);
      INFO(model << " " << cut->reason);
      if (cut->valid != Validity::unknown) CHECK(cut->valid == whole->valid);
    }
  }
}

}  // namespace
}  // namespace shaketable::isolation
