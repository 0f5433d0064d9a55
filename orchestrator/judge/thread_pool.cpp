#include "orchestrator/judge/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace shaketable {

ThreadPool::ThreadPool(std::size_t threads)
    : threads_(threads ? threads : std::max<std::size_t>(1, std::thread::hardware_concurrency())) {}

void ThreadPool::run(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  auto take_turns = [&] {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
  };
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < std::min(threads_, count); ++i) others.emplace_back(take_turns);
  take_turns();
}

}  // namespace shaketable
