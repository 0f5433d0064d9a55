// The answer does not depend on how many threads find it.

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "checkers/linearizability/linearizable.h"
#include "history/text.h"
#include "tests/checkers/linearizability/large_history.h"

namespace shaketable {

namespace {

class Threads final : public Pool {
 public:
  explicit Threads(std::size_t threads) : threads_(threads) {}
  std::size_t threads() const override { return threads_; }
  void run(std::size_t count, const std::function<void(std::size_t)>& work) override {
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> workers;
    for (std::size_t t = 0; t < threads_; ++t)
      workers.emplace_back([&] {
        for (std::size_t i = next++; i < count; i = next++) work(i);
      });
  }

 private:
  const std::size_t threads_;
};

// Histories of several keys one beside the other, each event of a random one; every third is wrong.
History keyed_history(std::uint64_t seed) {
  std::vector<History> parts;
  for (std::int64_t key = 0; key < 30; ++key) {
    large::Load load;
    load.operations = 200 + 40 * static_cast<std::size_t>(key % 7);
    load.clients = 5;
    load.crash = 0.02;
    load.seed = seed * 100 + static_cast<std::uint64_t>(key);
    load.wrong = key % 3 == 1;
    const auto object = key % 2 ? large::cas_register() : large::unique_register(large::Fault::stale);
    History part = large::simulate(*object, load).history;
    for (Operation& op : part.operations) {
      op.process += 10'000 * key;
      op.value = Value::list({Value(key), op.value});
    }
    parts.push_back(std::move(part));
  }
  History history;
  Random random(seed);
  std::vector<std::size_t> at(parts.size());
  for (std::size_t left = parts.size(); left > 0;) {
    const std::size_t k = random.below(parts.size());
    if (at[k] == parts[k].operations.size()) continue;
    history.operations.push_back(parts[k].operations[at[k]++]);
    left -= at[k] == parts[k].operations.size();
  }
  return history;
}

}  // namespace

TEST_CASE("the answer is the same on one thread and on several") {
  LinearizableOptions options;
  options.keyed = true;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const History history = keyed_history(seed);
    const auto alone = check_linearizable(history, options, Budget());
    REQUIRE(alone);
    CHECK(alone->valid == Validity::invalid);
    for (const std::size_t threads : {2, 3, 8}) {
      Threads pool(threads);
      const auto together = check_linearizable(history, options, Budget(), &pool);
      REQUIRE(together);
      CHECK(together->valid == alone->valid);
      CHECK(together->explanation == alone->explanation);
      CHECK(to_json(together->details) == to_json(alone->details));
    }
  }
}

}  // namespace shaketable
