#include "orchestrator/interpreter.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>

namespace shaketable {
namespace {

// A generator that waits is asked again at least so often: clocks of tests may be moved by others.
constexpr auto kLongestWait = std::chrono::milliseconds(20);
constexpr std::size_t kHistograms = 16;

struct Worker {
  std::size_t number = 0;
  std::int64_t process = 0;
  std::string node;
  std::unique_ptr<Client> client;
  int failures = 0;        // in a row: of opening, or of operations
  Nanos resting_until{0};  // before it asks for work again
};

struct Task {
  Invocation invocation;
  Nanos at{0};
  Nanos due = kNotDue;
};

}  // namespace

class Interpreter::Impl {
 public:
  Impl(Recorder& recorder, Clock& clock, LoadOptions options)
      : recorder_(recorder), clock_(clock), options_(std::move(options)), workers_(options_.workers) {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      workers_[i].number = i;
      workers_[i].process = static_cast<std::int64_t>(i);
      if (!options_.nodes.empty()) workers_[i].node = options_.nodes[i % options_.nodes.size()];
    }
  }

  Result<LoadEnd> run(Generator& generator, Random random, std::stop_token stop) {
    generator_ = &generator;
    random_ = random;
    tells_completions_ = generator.wants_completions();
    ended_ = std::stop_source();
    failure_.reset();
    std::stop_callback forward(stop, [this] {
      ended_.request_stop();
      std::lock_guard lock(mutex_);
      changed_.notify_all();
    });
    if (options_.one_thread) {
      take_turns();
    } else {
      std::vector<std::jthread> threads;
      threads.reserve(workers_.size());
      for (Worker& worker : workers_)
        threads.emplace_back([this, &worker] {
          while (step(worker, true)) {
          }
        });
    }
    if (failure_) return tl::unexpected(*failure_);
    return stop.stop_requested() ? LoadEnd::stopped : LoadEnd::exhausted;
  }

  LoadCounters counters() const {
    LoadCounters counters;
    counters.invoked = invoked_;
    counters.ok = ok_;
    counters.fail = fail_;
    counters.info = info_;
    counters.in_flight = in_flight_;
    counters.first_invocation = Nanos(first_invocation_ns_);
    for (const Latencies& part : latencies_) {
      std::lock_guard lock(part.mutex);
      counters.latency.merge(part.histogram);
    }
    return counters;
  }

  void close_clients() {
    for (Worker& worker : workers_) worker.client.reset();
  }

 private:
  enum class Asked { task, later, over };

  // One operation, or one wait. False: there is nothing more for this worker.
  bool step(Worker& worker, bool may_wait) {
    if (worker.resting_until > clock_.now()) {
      if (!may_wait) return true;
      if (!clock_.sleep_until(worker.resting_until, ended_.get_token())) return false;
    }
    Task task;
    Nanos ask_again = kNever;
    {
      std::unique_lock lock(mutex_);
      while (true) {
        const Asked asked = ask(worker, task, ask_again);
        if (asked == Asked::over) return false;
        if (asked == Asked::task) break;
        if (!may_wait) {
          soonest_ = std::min(soonest_, ask_again);
          return true;
        }
        const Nanos left = ask_again - clock_.now();
        changed_.wait_for(lock, std::clamp<Nanos>(left, Nanos(1000), kLongestWait));
      }
    }
    if (task.at > clock_.now() && !clock_.sleep_until(task.at, ended_.get_token())) {
      end_operation(worker, task.invocation, OpType::fail, task.invocation.value);
      return false;
    }
    carry_out(worker, task);
    return true;
  }

  // Under the lock.
  Asked ask(Worker& worker, Task& task, Nanos& ask_again) {
    if (ended_.stop_requested()) return Asked::over;
    Context context{clock_.now(), worker.number, workers_.size(), in_flight_, random_, worker.process};
    Turn turn = generator_->next(context);
    if (turn.kind == Turn::Kind::exhausted) return Asked::over;
    if (turn.kind == Turn::Kind::wait) {
      ask_again = turn.at;
      return Asked::later;
    }
    task = {std::move(turn.invocation), turn.at, turn.due};
    ++in_flight_;
    return Asked::task;
  }

  void carry_out(Worker& worker, const Task& task) {
    const Invocation& invocation = task.invocation;
    std::optional<Error> problem = ensure_client(worker);
    const auto begun = recorder_.invoke(worker.process, static_cast<std::int64_t>(worker.number), worker.node,
                                        invocation.f, invocation.value, task.due.count());
    if (!begun) {
      end_operation(worker, invocation, OpType::fail, invocation.value);
      give_up(begun.error());
      return;
    }
    ++invoked_;
    std::int64_t none = -1;
    first_invocation_ns_.compare_exchange_strong(none, begun->time_ns, std::memory_order_relaxed);
    Completion completion =
        problem ? Completion{OpType::fail, invocation.value, problem->message} : invoke(*worker.client, invocation);
    const auto ended = recorder_.complete(*begun, completion.type, completion.value, completion.error);
    if (!ended) give_up(ended.error());
    count(worker, completion.type,
          Nanos(ended ? *ended : clock_.now().count()) - (task.due == kNotDue ? Nanos(begun->time_ns) : task.due));
    if (completion.type == OpType::info) {
      worker.process += static_cast<std::int64_t>(workers_.size());
      worker.client.reset();
    }
    pause_if_failing(worker, completion.type, problem.has_value());
    end_operation(worker, invocation, completion.type, completion.value);
  }

  std::optional<Error> ensure_client(Worker& worker) {
    if (worker.client) return std::nullopt;
    std::unique_ptr<Client> client = options_.make_client(worker.number);
    try {
      if (auto opened = client->open(options_.open_timeout); !opened) return opened.error();
    } catch (const std::exception& thrown) {
      return Error{ErrorKind::infrastructure, fmt::format("the client failed to open: {}", thrown.what())};
    }
    worker.client = std::move(client);
    return std::nullopt;
  }

  Completion invoke(Client& client, const Invocation& invocation) {
    try {
      Completion completion = client.invoke(invocation.f, invocation.value, options_.operation_timeout);
      // An invocation is no completion: the client has a mistake, and what it did is unknown.
      if (completion.type == OpType::invoke) completion.type = OpType::info;
      return completion;
    } catch (const std::exception& thrown) {
      return {OpType::info, invocation.value, fmt::format("the client threw: {}", thrown.what())};
    }
  }

  void count(const Worker& worker, OpType type, Nanos latency) {
    if (type == OpType::fail) ++fail_;
    if (type == OpType::info) ++info_;
    if (type != OpType::ok) return;
    ++ok_;
    Latencies& part = latencies_[worker.number % kHistograms];
    std::lock_guard lock(part.mutex);
    part.histogram.add(latency);
  }

  void pause_if_failing(Worker& worker, OpType type, bool could_not_open) {
    if (type == OpType::ok) {
      worker.failures = 0;
      return;
    }
    ++worker.failures;
    const int beyond = worker.failures - (could_not_open ? 1 : options_.failures_before_pause);
    if (beyond < 0) return;
    const Nanos pause =
        std::min(options_.pause_longest, options_.pause_first * (std::int64_t{1} << std::min(beyond, 20)));
    worker.resting_until = clock_.now() + pause;
  }

  void end_operation(const Worker& worker, const Invocation& invocation, OpType type, const Value& value) {
    if (!tells_completions_) {
      --in_flight_;
      return;
    }
    std::lock_guard lock(mutex_);
    --in_flight_;
    Context context{clock_.now(), worker.number, workers_.size(), in_flight_, random_, worker.process};
    generator_->completed(context, invocation, type, value);
    changed_.notify_all();
  }

  void give_up(const Error& error) {
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = error;
    ended_.request_stop();
    changed_.notify_all();
  }

  // The workers in turn, on this thread. When nobody can do anything now, time passes until somebody can.
  void take_turns() {
    std::vector<Worker*> active;
    for (Worker& worker : workers_) active.push_back(&worker);
    while (!active.empty()) {
      soonest_ = kNever;
      const std::uint64_t before = turns_taken();
      std::erase_if(active, [&](Worker* worker) { return !step(*worker, false); });
      if (turns_taken() != before || active.empty()) continue;
      for (const Worker* worker : active)
        if (worker->resting_until > clock_.now()) soonest_ = std::min(soonest_, worker->resting_until);
      // Waiting for a completion while nothing is in flight would last for ever.
      if (soonest_ == kNever || !clock_.sleep_until(soonest_, ended_.get_token())) return;
    }
  }
  std::uint64_t turns_taken() const { return invoked_; }

  struct alignas(64) Latencies {
    mutable std::mutex mutex;
    Histogram histogram;
  };

  Recorder& recorder_;
  Clock& clock_;
  const LoadOptions options_;
  std::vector<Worker> workers_;

  std::mutex mutex_;  // the generator and its random numbers
  std::condition_variable changed_;
  Generator* generator_ = nullptr;
  Random random_{0};
  bool tells_completions_ = false;
  std::optional<Error> failure_;
  Nanos soonest_ = kNever;
  std::stop_source ended_;

  std::atomic<std::size_t> in_flight_{0};
  std::atomic<std::uint64_t> invoked_{0}, ok_{0}, fail_{0}, info_{0};
  std::atomic<std::int64_t> first_invocation_ns_{-1};
  mutable std::array<Latencies, kHistograms> latencies_;
};

Interpreter::Interpreter(Recorder& recorder, Clock& clock, LoadOptions options)
    : impl_(std::make_unique<Impl>(recorder, clock, std::move(options))) {}
Interpreter::~Interpreter() = default;

Result<LoadEnd> Interpreter::run(Generator& generator, Random random, std::stop_token stop) {
  return impl_->run(generator, random, std::move(stop));
}

LoadCounters Interpreter::counters() const {
  return impl_->counters();
}

void Interpreter::close_clients() {
  impl_->close_clients();
}

}  // namespace shaketable
