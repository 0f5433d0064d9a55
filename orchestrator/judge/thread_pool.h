#pragma once
// The pool that checkers are lent.

#include "checkers/verdict.h"

namespace shaketable {

// run() starts its threads anew each time: a check calls it a few times in seconds. Not reentrant.
class ThreadPool final : public Pool {
 public:
  explicit ThreadPool(std::size_t threads);  // 0: one for each core
  std::size_t threads() const override { return threads_; }
  void run(std::size_t count, const std::function<void(std::size_t)>& work) override;

 private:
  std::size_t threads_;
};

}  // namespace shaketable
