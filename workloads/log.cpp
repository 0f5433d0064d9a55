// Logs by key, as Kafka has them: messages are appended, and read in the order of their offsets.

#include <algorithm>

#include "workloads/builtin.h"
#include "workloads/interfaces.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

constexpr int kEmptyPolls = 3, kMostTroubles = 50;

Value every_key(std::int64_t keys) {
  std::vector<Value> all;
  for (std::int64_t key = 0; key < keys; ++key) all.emplace_back(key);
  return Value::list(std::move(all));
}

const Value& poll_value() {
  static const Value value = Value::list({Value::list({"poll"})});
  return value;
}

// One process: it must have logs assigned before it polls, and a process that took its place must again.
class LogWorker final : public Generator {
 public:
  struct Options {
    std::int64_t keys = 4, sends = 1;
    double polls = 0.5, assigns = 0.02;
    std::uint64_t bytes = 0;
  };
  LogWorker(const Options& options, KeyPicker picker, std::shared_ptr<std::int64_t> last)
      : options_(options), picker_(std::move(picker)), last_(std::move(last)) {}

  Turn next(Context& context) override {
    static const Name send("send"), poll("poll"), assign("assign");
    Random& random = context.random;
    if (!assigned_ || random.chance(options_.assigns)) {
      std::vector<Value> keys;
      for (std::int64_t key = 0; key < options_.keys; ++key) keys.emplace_back(key);
      random.shuffle(keys);
      keys.resize(1 + random.below(keys.size()));
      return Turn::operation({assign, Value::list(std::move(keys))});
    }
    if (random.chance(options_.polls)) return Turn::operation({poll, poll_value()});
    // One message a key, so that systems take it that append to several logs at once but not twice to one.
    std::vector<std::size_t> keys;
    const std::int64_t wanted = random.between(1, options_.sends);
    for (std::int64_t i = 0; i < wanted; ++i) {
      const std::size_t key = picker_.pick(random, static_cast<std::size_t>(options_.keys));
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
    std::vector<Value> messages;
    for (const std::size_t key : keys)
      messages.push_back(Value::list({"send", static_cast<std::int64_t>(key), sized_value(++*last_, options_.bytes)}));
    return Turn::operation({send, Value::list(std::move(messages))});
  }

  void completed(Context&, const Invocation& invocation, OpType type, const Value&) override {
    static const Name poll("poll"), assign("assign");
    if (invocation.f == assign) assigned_ = type == OpType::ok;
    // A poll that failed may mean that a new client, which knows of no assignment, stands in the old one's place.
    if (type == OpType::info || (invocation.f == poll && type == OpType::fail)) assigned_ = false;
  }
  bool wants_completions() const override { return true; }

 private:
  const Options options_;
  KeyPicker picker_;
  std::shared_ptr<std::int64_t> last_;
  bool assigned_ = false;
};

// One worker reads every log to its end.
class ReadToTheEnd final : public Generator {
 public:
  explicit ReadToTheEnd(std::int64_t keys) : keys_(keys) {}
  Turn next(Context& context) override {
    static const Name poll("poll"), assign("assign");
    if (context.worker != 0 || empty_ >= kEmptyPolls || troubles_ >= kMostTroubles) return Turn::exhausted();
    if (!assigned_) return Turn::operation({assign, every_key(keys_)}, not_before_);
    return Turn::operation({poll, poll_value()}, not_before_);
  }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    static const Name assign("assign");
    if (type != OpType::ok) {
      ++troubles_;
      assigned_ = false;
      not_before_ = context.now + std::chrono::milliseconds(100);
    } else if (invocation.f == assign) {
      assigned_ = true;
    } else if (value.is_list() && value.size() == 1 && value[0].is_list() && value[0].size() == 2) {
      empty_ = value[0][1].items().empty() ? empty_ + 1 : 0;
      troubles_ = 0;
    }
  }
  bool wants_completions() const override { return true; }

 private:
  const std::int64_t keys_;
  bool assigned_ = false;
  int empty_ = 0, troubles_ = 0;
  Nanos not_before_{0};
};

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  const LogWorker::Options options{parameters.integer("keys"), parameters.integer("sends"), parameters.number("polls"),
                                   parameters.number("assigns"), parameters.size("value_bytes")};
  auto last = std::make_shared<std::int64_t>(0);
  Workload workload;
  workload.main = each_worker([options, picker = key_picker(parameters), last](std::size_t) {
    return std::make_unique<LogWorker>(options, picker, last);
  });
  workload.final = std::make_unique<ReadToTheEnd>(options.keys);
  workload.checks = {{"kafka", {{"drained", parameters.boolean("drained")}}}};
  return workload;
}

}  // namespace

WorkloadInfo log_workload() {
  std::vector<ParameterSpec> parameters = find_interface("log")->parameters;
  parameters.push_back(spec::integer("sends", "messages sent at once at most, each to another log", 1, 1, 1000));
  parameters.push_back(spec::share("polls", "share of operations that poll, the others send", 0.5));
  parameters.push_back(spec::share("assigns", "share of operations that take other logs to poll", 0.02));
  parameters.push_back(spec::flag(
      "drained", "an acknowledged message that nobody ever polled is a violation, also at a log's end", false));
  parameters.push_back(value_bytes_parameter());
  for (ParameterSpec& spec : key_parameters()) parameters.push_back(std::move(spec));
  return {"log", "messages are appended to logs and polled by offset; none is lost, repeated or out of order",
          std::move(parameters), "log", make};
}

}  // namespace shaketable
