// Logs by key, as Kafka has them: messages are appended, and read in the order of their offsets.

#include <algorithm>

#include "workloads/builtin.h"
#include "workloads/interfaces.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

constexpr int kEmptyPolls = 3, kMostTroubles = 50;
constexpr Nanos kPause = std::chrono::milliseconds(100);
const Name kSend("send"), kPoll("poll"), kAssign("assign");

Value every_key(std::int64_t keys) {
  std::vector<Value> all;
  for (std::int64_t key = 0; key < keys; ++key) all.emplace_back(key);
  return Value::list(std::move(all));
}

GeneratorPtr always(Name f, const Value& value) {
  return repeat([f, value](Context&) { return Invocation{f, value}; });
}

GeneratorPtr polls() {
  return always(kPoll, Value::list({Value::list({"poll"})}));
}

GeneratorPtr assigns(std::int64_t keys) {
  return repeat([keys](Context& context) {
    std::vector<Value> some;
    for (std::int64_t key = 0; key < keys; ++key) some.emplace_back(key);
    context.random.shuffle(some);
    some.resize(1 + context.random.below(some.size()));
    return Invocation{kAssign, Value::list(std::move(some))};
  });
}

struct Sends {
  std::int64_t keys, most;
  std::uint64_t bytes;
  KeyPicker picker;
  std::shared_ptr<std::int64_t> last;  // of all workers

  // One message a key, so that systems take it that append to several logs at once but not twice to one.
  Invocation operator()(Context& context) {
    std::vector<std::size_t> chosen;
    const std::int64_t wanted = most == 1 ? 1 : context.random.between(1, most);
    for (std::int64_t i = 0; i < wanted; ++i) {
      const std::size_t key = picker.pick(context.random, static_cast<std::size_t>(keys));
      if (std::find(chosen.begin(), chosen.end(), key) == chosen.end()) chosen.push_back(key);
    }
    std::vector<Value> messages;
    for (const std::size_t key : chosen)
      messages.push_back(Value::list({"send", static_cast<std::int64_t>(key), sized_value(++*last, bytes)}));
    return {kSend, Value::list(std::move(messages))};
  }
};

using Weighted = std::vector<std::pair<double, GeneratorPtr>>;

GeneratorPtr one_of(double share, GeneratorPtr first, GeneratorPtr second) {
  Weighted both;
  both.emplace_back(share, std::move(first));
  both.emplace_back(1 - share, std::move(second));
  return mix(std::move(both));
}

// One worker: it must have logs assigned before it polls, and a process that took its place must again. A poll that
// failed may mean that a new client, which knows of no assignment, stands in the old one's place.
GeneratorPtr work(const Parameters& parameters, const std::shared_ptr<std::int64_t>& last) {
  const std::int64_t keys = parameters.integer("keys");
  const Sends sends{keys, parameters.integer("sends"), parameters.size("value_bytes"), key_picker(parameters), last};
  return cycle([keys, sends, assigning = parameters.number("assigns"), polling = parameters.number("polls")] {
    std::vector<GeneratorPtr> parts;
    parts.push_back(until_first_ok(assigns(keys), Nanos(0)));
    parts.push_back(until({{.types = {OpType::info}}, {.functions = {kAssign, kPoll}, .types = {OpType::fail}}},
                          one_of(assigning, assigns(keys), one_of(polling, polls(), repeat(sends)))));
    return chain(std::move(parts));
  });
}

// One worker reads every log to its end.
GeneratorPtr read_to_the_end(std::int64_t keys) {
  GeneratorPtr reading = cycle([keys] {
    std::vector<GeneratorPtr> parts;
    parts.push_back(until_first_ok(always(kAssign, every_key(keys)), kPause));
    parts.push_back(until({{.types = {OpType::fail, OpType::info}}}, polls()));
    parts.push_back(sleep_for({kPause, kPause}));
    return chain(std::move(parts));
  });
  const Value nothing = Value::list({Value::list({"poll", Value::map({})})});
  const auto troubles = [](Name f) {
    return Ending{.functions = {f}, .types = {OpType::fail, OpType::info}, .in_a_row = kMostTroubles};
  };
  std::vector<std::pair<std::size_t, GeneratorPtr>> one;
  one.emplace_back(1, until({{.functions = {kPoll}, .types = {OpType::ok}, .answer = nothing, .in_a_row = kEmptyPolls},
                             troubles(kPoll),
                             troubles(kAssign)},
                            std::move(reading)));
  return reserve(std::move(one), nullptr);
}

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  auto last = std::make_shared<std::int64_t>(0);
  Workload workload;
  workload.main = each_worker([parameters, last](std::size_t) { return work(parameters, last); });
  workload.final = read_to_the_end(parameters.integer("keys"));
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
