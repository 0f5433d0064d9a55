#include "base/bounded_queue.h"

#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace shaketable {
namespace {

using namespace std::chrono_literals;

TEST_CASE("what goes in first comes out first") {
  BoundedQueue<int> queue(3);
  CHECK(queue.push(1));
  CHECK(queue.push(2));
  CHECK(queue.pop() == 1);
  CHECK(queue.push(3));
  CHECK(queue.pop_for(1s) == 2);
  CHECK(queue.pop() == 3);
  CHECK(queue.pop_for(0ns) == std::nullopt);
}

TEST_CASE("a closed queue takes nothing more and still gives what it holds") {
  BoundedQueue<int> queue(3);
  queue.push(1);
  queue.push(2);
  CHECK_FALSE(queue.closed());
  queue.close();
  CHECK(queue.closed());
  CHECK_FALSE(queue.push(3));
  CHECK(queue.pop() == 1);
  CHECK(queue.pop_for(1s) == 2);
  CHECK(queue.pop() == std::nullopt);
  CHECK(queue.pop_for(1h) == std::nullopt);
}

TEST_CASE("a full queue holds its producer back until somebody takes") {
  BoundedQueue<int> queue(1);
  queue.push(1);
  std::jthread producer([&] {
    queue.push(2);
    queue.close();
  });
  CHECK(queue.pop() == 1);
  CHECK(queue.pop() == 2);
  CHECK(queue.pop() == std::nullopt);
}

TEST_CASE("closing frees a producer that waits, its item is lost, and it is told") {
  BoundedQueue<int> queue(1);
  queue.push(1);
  bool taken = true;
  {
    std::jthread producer([&] { taken = queue.push(2); });
    queue.close();
  }
  CHECK_FALSE(taken);
  CHECK(queue.pop() == 1);
  CHECK(queue.pop() == std::nullopt);
}

TEST_CASE("the longest timeout waits instead of wrapping round into the past") {
  BoundedQueue<int> queue(1);
  std::jthread producer([&] {
    std::this_thread::sleep_for(5ms);
    queue.push(7);
  });
  CHECK(queue.pop_for(Nanos::max()) == 7);
}

TEST_CASE("a capacity of 0 counts as 1") {
  BoundedQueue<int> queue(0);
  CHECK(queue.push(1));
  CHECK(queue.pop() == 1);
}

TEST_CASE("items may be movable only") {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  queue.push(std::make_unique<int>(3));
  auto item = queue.pop();
  REQUIRE(item);
  CHECK(**item == 3);
}

TEST_CASE("every item of several producers reaches exactly one of several consumers") {
  BoundedQueue<int> queue(4);
  std::vector<std::vector<int>> got(3);
  {
    std::vector<std::jthread> consumers;
    for (auto& mine : got)
      consumers.emplace_back([&queue, &mine] {
        while (auto item = queue.pop()) mine.push_back(*item);
      });
    {
      std::vector<std::jthread> producers;
      for (int p = 0; p < 3; ++p)
        producers.emplace_back([&queue, p] {
          for (int i = 0; i < 1000; ++i) queue.push(p * 1000 + i);
        });
    }
    queue.close();
  }
  std::vector<int> all;
  for (const auto& mine : got) {
    all.insert(all.end(), mine.begin(), mine.end());
    // Each consumer sees a producer's items in that producer's order.
    std::vector<int> last(3, -1);
    for (int item : mine) {
      const auto producer = static_cast<std::size_t>(item / 1000);
      REQUIRE(item > last[producer]);
      last[producer] = item;
    }
  }
  std::sort(all.begin(), all.end());
  REQUIRE(all.size() == 3000);
  for (int i = 0; i < 3000; ++i) REQUIRE(all[static_cast<std::size_t>(i)] == i);
}

}  // namespace
}  // namespace shaketable
