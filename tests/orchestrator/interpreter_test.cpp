#include "orchestrator/interpreter.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "checkers/linearizability/linearizable.h"
#include "history/run_file.h"
#include "tests/history/run_folder.h"
#include "workloads/clients/memory.h"
#include "workloads/workload.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

const Name kWrite("write"), kRead("read");

// Answers from a list, one entry an operation over all clients; after its end everything is ok.
class Script {
 public:
  explicit Script(std::vector<OpType> answers) : answers_(std::move(answers)) {}
  OpType next() {
    std::lock_guard lock(mutex_);
    return at_ < answers_.size() ? answers_[at_++] : OpType::ok;
  }
  std::atomic<int> made{0}, alive{0}, refusing{0};

 private:
  std::mutex mutex_;
  std::vector<OpType> answers_;
  std::size_t at_ = 0;
};

class ScriptedClient final : public Client {
 public:
  ScriptedClient(Script& script, ManualClock* clock) : script_(script), clock_(clock) {
    ++script_.made;
    ++script_.alive;
  }
  ~ScriptedClient() override { --script_.alive; }
  Result<void> open(Nanos) override {
    if (script_.refusing-- > 0) return infrastructure("connection refused");
    script_.refusing = 0;
    return {};
  }
  Completion invoke(Name, const Value& value, Nanos timeout) override {
    const OpType type = script_.next();
    if (clock_) clock_->advance(type == OpType::info ? timeout : std::chrono::milliseconds(1));
    if (type == OpType::invoke) throw std::runtime_error("a mistake in the client");
    return {type, value, type == OpType::ok ? Value() : Value(to_string(type))};
  }

 private:
  Script& script_;
  ManualClock* clock_;
};

struct Bench {
  explicit Bench(std::vector<OpType> answers = {}) : script(std::move(answers)) {
    recorder = must(Recorder::create(folder.path(), some_run(), clock));
  }
  LoadOptions options(std::size_t workers, bool one_thread) {
    LoadOptions made;
    made.workers = workers;
    made.nodes = {"n1", "n2"};
    made.one_thread = one_thread;
    made.make_client = [this, one_thread](std::size_t) {
      return std::make_unique<ScriptedClient>(script, one_thread ? &clock : nullptr);
    };
    return made;
  }
  History finish() {
    must(recorder->finish(""));
    return read_all(must(open_run(folder.path())));
  }

  RunFolder folder;
  ManualClock clock;
  Script script;
  std::unique_ptr<Recorder> recorder;
};

GeneratorPtr counting_writes() {
  return repeat([n = std::int64_t{0}](Context&) mutable { return Invocation{kWrite, ++n}; });
}

GeneratorPtr registers(std::int64_t keys, std::int64_t ops_per_key, Workload& workload) {
  const WorkloadInfo* info = find_workload("register");
  REQUIRE(info);
  Parameters parameters(info->parameters);
  parameters.set("keys", keys);
  parameters.set("ops_per_key", ops_per_key);
  workload = must(info->make(parameters, 4));
  return std::move(workload.main);
}

}  // namespace

TEST_CASE("a process that got info is gone: its worker goes on under a new number, with a new client") {
  Bench bench({OpType::ok, OpType::info, OpType::fail, OpType::info, OpType::ok});
  Interpreter interpreter(*bench.recorder, bench.clock, bench.options(2, true));
  GeneratorPtr generator = limit(6, counting_writes());
  CHECK(must(interpreter.run(*generator, Random(1), {})) == LoadEnd::exhausted);
  CHECK(bench.script.made == 4);
  CHECK(lines_of(bench.finish()) == std::vector<std::string>{
                                        "0 invoke write 1",
                                        "0 ok write 1",
                                        "1 invoke write 2",
                                        "1 info write 2 error \"info\"",
                                        "0 invoke write 3",
                                        "0 fail write 3 error \"fail\"",
                                        "3 invoke write 4",
                                        "3 info write 4 error \"info\"",
                                        "0 invoke write 5",
                                        "0 ok write 5",
                                        "5 invoke write 6",
                                        "5 ok write 6",
                                    });
  const LoadCounters counters = interpreter.counters();
  CHECK(counters.invoked == 6);
  CHECK(counters.ok == 3);
  CHECK(counters.fail == 1);
  CHECK(counters.info == 2);
  CHECK(counters.in_flight == 0);
  CHECK(counters.latency.count() == 3);
  CHECK(counters.latency.max() == std::chrono::milliseconds(1));
  interpreter.close_clients();
  CHECK(bench.script.alive == 0);
}

TEST_CASE("in an open load latency counts from when an operation was due, however late it was sent") {
  // The second operation hangs for its two seconds; those due meanwhile are sent after it.
  Bench bench({OpType::ok, OpType::info});
  Interpreter interpreter(*bench.recorder, bench.clock, bench.options(1, true));
  ArrivalOptions arrival;
  arrival.rates = {{kNever, 100}};
  const auto arrived = std::make_shared<ArrivalCounters>();
  GeneratorPtr load = limit(300, arrivals(arrival, counting_writes(), arrived));
  CHECK(must(interpreter.run(*load, Random(1), {})) == LoadEnd::exhausted);
  const LoadCounters counters = interpreter.counters();
  CHECK(counters.ok == 299);
  CHECK(counters.latency.max() > std::chrono::milliseconds(1980));
  CHECK(counters.latency.max() < std::chrono::milliseconds(2000));
  CHECK(counters.latency.quantile(0.5) > std::chrono::milliseconds(100));
  CHECK(arrived->dropped == 0);
  CHECK(arrived->most_waiting >= 199);
  // The history has both times of every operation: when it was due, and when a worker was free to begin it.
  std::vector<std::int64_t> due;
  Nanos latest{0};
  for (const Operation& operation : bench.finish().operations) {
    if (operation.type != OpType::invoke) continue;
    due.push_back(operation.due_ns);
    latest = std::max(latest, Nanos(operation.time_ns - operation.due_ns));
  }
  std::vector<std::int64_t> every_10_ms(300);
  for (std::size_t i = 0; i < 300; ++i) every_10_ms[i] = Nanos(std::chrono::milliseconds(10) * i).count();
  CHECK(due == every_10_ms);
  CHECK(latest > std::chrono::milliseconds(1980));
}

TEST_CASE("the same seed gives the same history, another seed another") {
  const auto run = [](std::uint64_t seed) {
    Bench bench({OpType::ok, OpType::info, OpType::ok, OpType::fail});
    Interpreter interpreter(*bench.recorder, bench.clock, bench.options(4, true));
    Workload workload;
    GeneratorPtr load = time_limit(std::chrono::hours(1), stagger(0.5, registers(3, 20, workload)));
    must(interpreter.run(*load, Random(seed), {}));
    must(interpreter.run(*workload.final, Random(seed), {}));
    History history = bench.finish();
    std::vector<std::string> lines = lines_of(history);
    for (std::size_t i = 0; i < lines.size(); ++i) lines[i] += " at " + std::to_string(history.operations[i].time_ns);
    return lines;
  };
  const std::vector<std::string> first = run(1);
  CHECK(first == run(1));
  CHECK(first != run(2));
  // An hour at one operation in two seconds, and final reads of the keys.
  CHECK(first.size() > 2 * 1600);
  CHECK(first.size() < 2 * 2200);
}

TEST_CASE("what is drawn does not depend on which thread draws it") {
  const auto drawn = [](std::size_t workers, bool one_thread) {
    Bench bench;
    Interpreter interpreter(*bench.recorder, bench.clock, bench.options(workers, one_thread));
    Workload workload;
    GeneratorPtr load = limit(500, registers(5, 10, workload));
    must(interpreter.run(*load, Random(9), {}));
    std::multiset<std::string> invocations;
    for (Operation operation : bench.finish().operations) {
      operation.process = 0;
      if (operation.type == OpType::invoke) invocations.insert(line_of(operation));
    }
    return invocations;
  };
  const auto expected = drawn(1, true);
  CHECK(expected.size() == 500);
  CHECK(drawn(8, false) == expected);
}

TEST_CASE("a client that cannot be opened makes fails, with longer and longer pauses between them") {
  Bench bench;
  bench.script.refusing = 5;
  LoadOptions options = bench.options(1, true);
  options.pause_first = std::chrono::milliseconds(100);
  options.pause_longest = std::chrono::milliseconds(500);
  Interpreter interpreter(*bench.recorder, bench.clock, options);
  GeneratorPtr generator = limit(6, counting_writes());
  must(interpreter.run(*generator, Random(1), {}));
  const History history = bench.finish();
  std::vector<std::int64_t> fails_ms;
  for (const Operation& operation : history.operations)
    if (operation.type == OpType::fail) {
      CHECK(operation.error == Value("connection refused"));
      fails_ms.push_back(operation.time_ns / 1'000'000);
    }
  CHECK(fails_ms == std::vector<std::int64_t>{0, 100, 300, 700, 1200});
  CHECK(line_of(history.operations.back()) == "0 ok write 6");
}

TEST_CASE("operations that fail again and again make the worker pause, success makes it forget") {
  std::vector<OpType> answers(10, OpType::fail);
  answers.push_back(OpType::ok);
  answers.insert(answers.end(), 3, OpType::fail);
  Bench bench(answers);
  LoadOptions options = bench.options(1, true);
  options.pause_first = std::chrono::seconds(1);
  options.pause_longest = std::chrono::seconds(100);
  Interpreter interpreter(*bench.recorder, bench.clock, options);
  GeneratorPtr generator = limit(15, counting_writes());
  must(interpreter.run(*generator, Random(1), {}));
  // 15 operations of a millisecond; pauses of 1, 2 and 4 s after the 8th to the 10th failure.
  CHECK(bench.clock.now() == std::chrono::milliseconds(7015));
}

TEST_CASE("a client that throws leaves its operation unknown") {
  Bench bench({OpType::invoke});
  Interpreter interpreter(*bench.recorder, bench.clock, bench.options(1, true));
  GeneratorPtr generator = limit(2, counting_writes());
  must(interpreter.run(*generator, Random(1), {}));
  CHECK(lines_of(bench.finish()) ==
        std::vector<std::string>{"0 invoke write 1",
                                 "0 info write 1 error \"the client threw: a mistake in the client\"",
                                 "1 invoke write 2", "1 ok write 2"});
}

TEST_CASE("phases wait for each other, the next run() starts with the processes of the last") {
  Bench bench({OpType::info});
  Interpreter interpreter(*bench.recorder, bench.clock, bench.options(4, false));
  std::vector<GeneratorPtr> parts;
  parts.push_back(limit(40, counting_writes()));
  parts.push_back(limit(40, repeat([](Context&) { return Invocation{kRead, Value()}; })));
  GeneratorPtr both = phases(std::move(parts));
  must(interpreter.run(*both, Random(1), {}));
  GeneratorPtr more = each_worker([](std::size_t) { return sequence({{Name("last"), Value()}}); });
  must(interpreter.run(*more, Random(1), {}));
  const History history = bench.finish();
  std::size_t last_write = 0, first_read = history.operations.size(), reads = 0;
  std::set<std::int64_t> last_processes;
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& operation = history.operations[i];
    if (operation.f == kWrite) last_write = i;
    if (operation.f == kRead) first_read = std::min(first_read, i);
    if (operation.f == kRead && operation.type == OpType::invoke) ++reads;
    if (operation.f == Name("last")) last_processes.insert(operation.process);
  }
  CHECK(last_write == 79);
  CHECK(first_read == 80);
  CHECK(reads == 40);
  CHECK(last_processes.size() == 4);
  CHECK(*last_processes.rbegin() >= 4);
}

TEST_CASE("a stop lets the operations in flight end and takes no new ones") {
  RunFolder folder;
  SteadyClock clock;
  auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
  ClientSettings settings;
  settings.run = folder.path();
  settings.options = Parameters(memory_client().parameters);
  settings.options.set("latency", Nanos(std::chrono::milliseconds(30)));
  LoadOptions options;
  options.workers = 3;
  options.make_client = [&](std::size_t worker) {
    ClientSettings mine = settings;
    mine.worker = worker;
    return memory_client().make(mine);
  };
  Interpreter interpreter(*recorder, clock, options);
  Workload workload;
  GeneratorPtr load = registers(2, 50, workload);
  std::stop_source stop;
  std::jthread stopper([&] {
    while (interpreter.counters().ok < 5) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop.request_stop();
  });
  CHECK(must(interpreter.run(*load, Random(3), stop.get_token())) == LoadEnd::stopped);
  must(recorder->finish("interrupted"));
  const History history = read_all(must(open_run(folder.path())));
  std::map<OpType, int> types;
  for (const Operation& operation : history.operations) ++types[operation.type];
  CHECK(types[OpType::invoke] == types[OpType::ok] + types[OpType::fail]);
  CHECK(types[OpType::ok] >= 5);
}

TEST_CASE("a load on many threads is linearizable, and one with planted stale reads is found out") {
  for (const double stale : {0.0, 0.02}) {
    RunFolder folder;
    SteadyClock clock;
    auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
    ClientSettings settings;
    settings.run = folder.path();
    settings.options = Parameters(memory_client().parameters);
    settings.options.set("fail", 0.05);
    settings.options.set("lose", 0.02);
    settings.options.set("stale_reads", stale);
    LoadOptions options;
    options.workers = 6;
    options.pause_first = std::chrono::microseconds(1);
    options.make_client = [&](std::size_t worker) {
      ClientSettings mine = settings;
      mine.worker = worker;
      return memory_client().make(mine);
    };
    Interpreter interpreter(*recorder, clock, options);
    Workload workload;
    GeneratorPtr load = limit(3000, registers(4, 100, workload));
    must(interpreter.run(*load, Random(5), {}));
    must(interpreter.run(*workload.final, Random(5), {}));
    must(recorder->finish(""));
    REQUIRE(workload.checks.size() == 1);
    CHECK(workload.checks[0].checker == "linearizable");
    LinearizableOptions check;
    check.keyed = true;
    const History history = read_all(must(open_run(folder.path())));
    const Verdict verdict = must(check_linearizable(history, check, Budget()));
    INFO(verdict.explanation);
    CHECK(verdict.valid == (stale > 0 ? Validity::invalid : Validity::valid));
    // Every key that was used has been read at the end.
    std::set<Value> used, read_last;
    bool final = false;
    for (std::size_t i = 0; i < history.operations.size(); ++i) {
      const Operation& operation = history.operations[i];
      if (operation.type == OpType::invoke) used.insert(operation.value[0]);
      final = i >= history.operations.size() - 2 * used.size() - 20;
      if (final && operation.type == OpType::ok && operation.f == kRead) read_last.insert(operation.value[0]);
    }
    CHECK(used == read_last);
    CHECK(used.size() >= 30);
  }
}

TEST_CASE("a history that can no longer be written ends the load") {
  Bench bench;
  Interpreter interpreter(*bench.recorder, bench.clock, bench.options(3, false));
  Value deep = 1;
  for (int i = 0; i < 200; ++i) deep = Value::list({deep});
  GeneratorPtr generator = repeat([deep, n = 0](Context&) mutable {
    return Invocation{kWrite, ++n == 100 ? deep : Value(n)};
  });
  const auto ended = interpreter.run(*generator, Random(1), {});
  REQUIRE_FALSE(ended);
  CHECK(ended.error().message == "the value of an operation is nested too deep to be recorded");
}
