#include "checkers/linearizability/models/counter_decide.h"

#include <algorithm>
#include <queue>
#include <vector>

namespace shaketable::linearizability {

namespace {

constexpr std::int64_t kForEver = INT64_MAX;
constexpr std::int64_t kLargest = std::int64_t{1} << 61;  // beyond, sums could wrap around

struct Add {
  std::int64_t invoked = -1, completed = kForEver;
};

struct Read {
  std::int64_t count = 0;  // of adds before it
  std::int64_t invoked = -1, completed = kForEver;
};

struct Stage {
  std::int64_t adds = 0;                     // between the reads of the stage before and its own
  std::int64_t last_invocation = -1;         // of reads before it
  std::int64_t first_completion = kForEver;  // of its reads and later ones
};

// One for each count that was read, and one for what follows the last read.
std::vector<Stage> stages_of(std::vector<Read>& reads) {
  std::sort(reads.begin(), reads.end(), [](const Read& a, const Read& b) { return a.count < b.count; });
  std::vector<Stage> stages;
  std::int64_t count = 0, last_invocation = -1;
  for (std::size_t i = 0; i < reads.size();) {
    Stage stage{reads[i].count - count, last_invocation, kForEver};
    count = reads[i].count;
    for (; i < reads.size() && reads[i].count == count; ++i) {
      last_invocation = std::max(last_invocation, reads[i].invoked);
      stage.first_completion = std::min(stage.first_completion, reads[i].completed);
    }
    stages.push_back(stage);
  }
  stages.push_back({kForEver, last_invocation, kForEver});
  for (std::size_t s = stages.size() - 1; s-- > 0;)
    stages[s].first_completion = std::min(stages[s].first_completion, stages[s + 1].first_completion);
  return stages;
}

bool assignable(std::vector<Add>& adds, const std::vector<Stage>& stages) {
  std::sort(adds.begin(), adds.end(), [](const Add& a, const Add& b) { return a.invoked < b.invoked; });
  std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> waiting;  // by completion
  std::size_t next = 0;
  for (const Stage& stage : stages) {
    if (stage.first_completion < stage.last_invocation) return false;  // reads in the wrong order
    for (; next < adds.size() && adds[next].invoked < stage.first_completion; ++next)
      waiting.push(adds[next].completed);
    const bool last = &stage == &stages.back();
    for (std::int64_t k = 0; k < stage.adds && !(last && waiting.empty()); ++k) {
      if (waiting.empty() || waiting.top() < stage.last_invocation) return false;
      waiting.pop();
    }
    // Whoever waits on must have completed after the reads of this stage were invoked: seen at the next one.
  }
  return true;
}

}  // namespace

std::optional<bool> counter_linearizable(const Problem& problem, std::int64_t initial, std::size_t end,
                                         const Interner& values) {
  std::int64_t step = 0;
  for (const Op& op : problem.ops) {
    if (op.dropped) continue;
    const std::int64_t n = values[op.call.a].integer();
    if (n > kLargest || n < -kLargest) return std::nullopt;
    if (op.call.f != CounterCall::kAdd || n == 0) continue;
    if (step != 0 && n != step) return std::nullopt;
    step = n;
  }
  if (initial > kLargest || initial < -kLargest) return std::nullopt;
  if (step == 0) step = 1;

  std::vector<Add> adds;
  std::vector<Read> reads;
  std::vector<std::size_t> add_of(problem.ops.size());
  std::vector<std::int64_t> invoked(problem.ops.size(), -1);
  for (std::size_t e = 0; e < end; ++e) {
    const Event event = problem.events[e];
    const Call& call = problem.ops[event.op].call;
    const std::int64_t n = values[call.a].integer();
    const auto now = static_cast<std::int64_t>(e);
    if (call.f == CounterCall::kAdd) {
      if (n == 0) continue;
      if (event.completion) {
        adds[add_of[event.op]].completed = now;
      } else {
        add_of[event.op] = adds.size();
        adds.push_back({now, kForEver});
      }
    } else if (!event.completion) {
      invoked[event.op] = now;
    } else {
      if ((n - initial) % step != 0 || (n - initial) / step < 0) return false;
      reads.push_back({(n - initial) / step, invoked[event.op], now});
    }
  }
  const std::vector<Stage> stages = stages_of(reads);
  return assignable(adds, stages);
}

}  // namespace shaketable::linearizability
