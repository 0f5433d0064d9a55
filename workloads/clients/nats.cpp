#include "workloads/clients/nats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <thread>

#include "history/text.h"
#include "workloads/clients/unusable.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

using Meaning = NatsMeaning;

constexpr auto kDrainPause = std::chrono::milliseconds(100);

// A stream's name has no dots, blanks or wildcards.
std::string stream_name(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') c = '_';
  return name;
}

class NatsClient final : public Client {
 public:
  NatsClient(const ClientSettings& settings, std::unique_ptr<NatsSession> session)
      : interface_(settings.interface),
        stream_(stream_name(settings.options.text("prefix") + settings.run)),
        replicas_(static_cast<int>(settings.options.integer("replicas"))),
        session_(std::move(session)) {}

  Result<void> open(Nanos) override { return {}; }  // connects with the first request

  Result<void> setup(Nanos timeout) override {
    const Deadline deadline(timeout);
    NatsAnswer answer = session_->make_stream(stream_, replicas_, deadline);
    if (answer.meaning == Meaning::done && interface_ == "queue") answer = session_->make_consumer(stream_, deadline);
    if (answer.meaning == Meaning::done) return {};
    return infrastructure(fmt::format("the stream {} could not be made: {}", stream_, answer.problem));
  }

  Result<void> remove_data(Nanos timeout) override {
    const NatsAnswer answer = session_->remove_stream(stream_, Deadline(timeout));
    if (answer.meaning == Meaning::done) return {};
    return infrastructure(fmt::format("the stream {} was not removed: {}", stream_, answer.problem));
  }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    const Deadline deadline(timeout);
    const std::string_view name = f.text();
    if (interface_ == "set") {
      if (name == "add") return add(value, deadline);
      if (name == "read") return read(value, deadline);
    } else if (interface_ == "queue") {
      if (name == "enqueue") return add(value, deadline);
      if (name == "dequeue") return dequeue(value, deadline);
      if (name == "drain") return drain(value, deadline);
    } else if (interface_ == "log") {
      if (name == "assign" && value.is_list()) {
        assigned_.assign(value.items().begin(), value.items().end());
        return {OpType::ok, value, {}};
      }
      if (name == "send" && value.is_list()) return send(value, deadline);
      if (name == "poll") return poll(value, deadline);
    }
    return {OpType::fail, value, fmt::format("nats client: no function \"{}\" with that value", name)};
  }

 private:
  static Completion failed(const Value& value, const NatsAnswer& answer) {
    return {answer.meaning == Meaning::unknown ? OpType::info : OpType::fail, value, answer.problem};
  }
  static Completion strange(const Value& value) {
    return {OpType::fail, value, "nats client: a message that this client did not write"};
  }

  Completion add(const Value& value, const Deadline& deadline) {
    const NatsAnswer answer = session_->publish(stream_, "in", to_json(value), deadline);
    if (answer.meaning != Meaning::done) return failed(value, answer);
    return {OpType::ok, value, {}};
  }

  Completion read(const Value& value, const Deadline& deadline) {
    const NatsAnswer answer = session_->read(stream_, 1, deadline);
    if (answer.meaning != Meaning::done) return {OpType::fail, value, answer.problem};
    std::vector<Value> elements;
    for (const NatsMessage& message : answer.messages) {
      const auto element = parse_json(message.body);
      if (!element) return strange(value);
      elements.push_back(*element);
    }
    return {OpType::ok, Value::list(std::move(elements)), {}};
  }

  Completion dequeue(const Value& value, const Deadline& deadline) {
    const NatsAnswer answer = session_->take(stream_, deadline);
    if (answer.meaning != Meaning::done) return failed(value, answer);
    if (answer.messages.empty()) return {OpType::ok, {}, {}};
    const auto element = parse_json(answer.messages.front().body);
    if (!element) return strange(value);
    return {OpType::ok, *element, {}};
  }

  // What others took and did not acknowledge comes back when its time is over, so the queue is empty only when there is
  // no such message either.
  Completion drain(const Value& value, const Deadline& deadline) {
    std::vector<Value> all;
    for (;;) {
      const NatsAnswer answer = session_->take(stream_, deadline);
      if (answer.meaning != Meaning::done || (answer.messages.empty() && answer.left > 0 && deadline.over())) {
        const bool took = !all.empty() || answer.meaning == Meaning::unknown;
        return {took ? OpType::info : OpType::fail, value,
                answer.meaning == Meaning::done ? "messages that were taken have not come back" : answer.problem};
      }
      if (answer.messages.empty()) {
        if (answer.left == 0) return {OpType::ok, Value::list(std::move(all)), {}};
        std::this_thread::sleep_for(kDrainPause);
        continue;
      }
      const auto element = parse_json(answer.messages.front().body);
      if (!element) return {OpType::info, value, "nats client: a message that this client did not write"};
      all.push_back(*element);
    }
  }

  // A log is a subject, an offset the place in the stream.
  Completion send(const Value& value, const Deadline& deadline) {
    if (value.size() != 1 || !value[0].is_list() || value[0].size() != 3 || !(value[0][0] == Value("send")))
      return {OpType::fail, value, "nats client: one message at a time"};
    const NatsAnswer answer = session_->publish(stream_, to_json(value[0][1]), to_json(value[0][2]), deadline);
    if (answer.meaning != Meaning::done) return failed(value, answer);
    const Value place = answer.sequence > 0 ? Value(static_cast<std::int64_t>(answer.sequence)) : Value();
    return {OpType::ok, Value::list({Value::list({"send", value[0][1], Value::list({place, value[0][2]})})}), {}};
  }

  Completion poll(const Value& value, const Deadline& deadline) {
    if (assigned_.empty()) return {OpType::fail, value, "nothing is assigned"};
    std::uint64_t from = UINT64_MAX;
    for (const Value& key : assigned_) from = std::min(from, positions_[key]);
    const NatsAnswer answer = session_->read(stream_, from + 1, deadline);
    if (answer.meaning != Meaning::done) return {OpType::fail, value, answer.problem};
    std::map<Value, std::vector<Value>> polled;
    for (const NatsMessage& message : answer.messages) {
      const auto key = parse_json(message.subject), content = parse_json(message.body);
      if (!key || !content) return strange(value);
      // The one furthest behind decides where reading begins; what the others have had is left out.
      if (std::find(assigned_.begin(), assigned_.end(), *key) == assigned_.end()) continue;
      if (message.sequence > from && message.sequence <= positions_[*key]) continue;
      polled[*key].push_back(Value::list({static_cast<std::int64_t>(message.sequence), *content}));
    }
    if (!answer.messages.empty())
      for (const Value& key : assigned_) positions_[key] = std::max(positions_[key], answer.messages.back().sequence);
    std::vector<std::pair<Value, Value>> logs;
    for (auto& [key, messages] : polled) logs.emplace_back(key, Value::list(std::move(messages)));
    return {OpType::ok, Value::list({Value::list({"poll", Value::map(std::move(logs))})}), {}};
  }

  const std::string interface_, stream_;
  const int replicas_;
  std::unique_ptr<NatsSession> session_;
  std::vector<Value> assigned_;
  std::map<Value, std::uint64_t> positions_;  // the place in the stream up to which a log was read
};

}  // namespace

std::unique_ptr<Client> make_nats_client(const ClientSettings& settings, std::unique_ptr<NatsSession> session) {
  return std::make_unique<NatsClient>(settings, std::move(session));
}

ClientInfo nats_client() {
  ClientInfo info;
  info.name = "nats";
  info.about = "JetStream of NATS 2.2 and later, a stream with acknowledged publications (libnats)";
  info.interfaces = {"set", "queue", "log"};
  info.parameters = {
      spec::integer("replicas", "of the stream", 3, 1, 5),
      spec::text("prefix", "the stream's name begins with this and ends with the run's", "shaketable-"),
  };
#ifdef SHAKETABLE_WITH_NATS
  info.make = [](const ClientSettings& settings) -> std::unique_ptr<Client> {
    if (asks_for_tls(settings)) return unusable_client("the nats client does not speak TLS");
    return make_nats_client(
        settings, make_nats_session(settings.endpoints[settings.worker % settings.endpoints.size()].url, settings.user,
                                    settings.password));
  };
#else
  info.missing = "libnats-dev";
#endif
  return info;
}

}  // namespace shaketable
