#include "workloads/clients/rabbitmq.h"

#include <fmt/format.h>

#include <map>

#include "history/text.h"
#include "workloads/clients/unusable.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

using Meaning = RabbitmqMeaning;

class RabbitmqClient final : public Client {
 public:
  RabbitmqClient(const ClientSettings& settings, std::unique_ptr<RabbitmqSession> session)
      : interface_(settings.interface),
        prefix_(settings.options.text("prefix") + settings.run + "."),
        type_(settings.options.text("queues") == "quorum" ? RabbitmqQueue::quorum : RabbitmqQueue::classic),
        locks_(interface_ == "lock" ? settings.workload.integer("locks") : 0),
        session_(std::move(session)) {}

  Result<void> open(Nanos) override { return {}; }  // connects with the first request

  Result<void> probe(Nanos timeout) override {
    // A queue that nobody uses, and a request that changes nothing in it.
    const Deadline deadline(timeout);
    const RabbitmqAnswer answer = session_->declare(prefix_ + "probe", RabbitmqQueue::classic, deadline);
    if (answer.meaning == Meaning::done) return {};
    return infrastructure("RabbitMQ does not answer: " + answer.problem);
  }

  Result<void> setup(Nanos timeout) override {
    const Deadline deadline(timeout);
    const auto step = [](const RabbitmqAnswer& answer, const std::string& queue) -> Result<void> {
      if (answer.meaning == Meaning::done) return {};
      return infrastructure(fmt::format("the queue {} could not be made ready: {}", queue, answer.problem));
    };
    std::vector<std::string> queues;
    if (interface_ == "queue") queues.push_back(prefix_ + "queue");
    for (std::int64_t lock = 0; lock < locks_; ++lock) queues.push_back(lock_queue(lock));
    for (const std::string& queue : queues) {
      if (auto made = step(session_->declare(queue, type_, deadline), queue); !made) return made;
      if (interface_ != "lock") continue;
      // One message, whose holder has the lock. An attempt before this one may have left its own.
      if (auto emptied = step(session_->purge(queue, deadline), queue); !emptied) return emptied;
      if (auto filled = step(session_->publish(queue, "the lock", deadline), queue); !filled) return filled;
    }
    return {};
  }

  Result<void> remove_data(Nanos timeout) override {
    const Deadline deadline(timeout);
    std::vector<std::string> queues{prefix_ + "queue", prefix_ + "probe"};
    for (std::int64_t lock = 0; lock < locks_; ++lock) queues.push_back(lock_queue(lock));
    for (const std::string& queue : queues)  // one that is not there may be removed
      if (const RabbitmqAnswer answer = session_->remove(queue, deadline); answer.meaning != Meaning::done)
        return infrastructure(fmt::format("the queue {} was not removed: {}", queue, answer.problem));
    return {};
  }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    const Deadline deadline(timeout);
    const std::string_view name = f.text();
    if (interface_ == "queue") {
      if (name == "enqueue") return enqueue(value, deadline);
      if (name == "dequeue") return dequeue(value, deadline);
      if (name == "drain") return drain(value, deadline);
    } else if (interface_ == "lock") {
      if (name == "acquire") return acquire(value, deadline);
      if (name == "release") return release(value);
    }
    return {OpType::fail, value, fmt::format("rabbitmq client: no function \"{}\" with that value", name)};
  }

 private:
  static Completion failed(const Value& value, const RabbitmqAnswer& answer) {
    return {answer.meaning == Meaning::unknown ? OpType::info : OpType::fail, value, answer.problem};
  }
  std::string lock_queue(const Value& lock) const { return prefix_ + "lock." + to_json(lock); }

  Completion enqueue(const Value& value, const Deadline& deadline) {
    const RabbitmqAnswer answer = session_->publish(prefix_ + "queue", to_json(value), deadline);
    if (answer.meaning != Meaning::done) return failed(value, answer);
    return {OpType::ok, value, {}};
  }

  // Takes one. What could not be acknowledged goes back; where nobody knows whether it was, nobody knows of the
  // element.
  Completion dequeue(const Value& value, const Deadline& deadline) {
    const RabbitmqAnswer answer = session_->get(prefix_ + "queue", deadline);
    if (answer.meaning != Meaning::done) return failed(value, answer);
    if (!answer.body) return {OpType::ok, {}, {}};
    const auto element = parse_json(*answer.body);
    if (!element) return {OpType::fail, value, "rabbitmq client: an element that this client did not write"};
    const RabbitmqAnswer acknowledged = session_->ack(answer.tag);
    if (acknowledged.meaning != Meaning::done) return failed(value, acknowledged);
    return {OpType::ok, *element, {}};
  }

  Completion drain(const Value& value, const Deadline& deadline) {
    std::vector<Value> all;
    for (;;) {
      Completion one = dequeue(value, deadline);
      if (one.type != OpType::ok) {
        if (!all.empty()) one.type = OpType::info;
        return one;
      }
      if (one.value.is_nil()) return {OpType::ok, Value::list(std::move(all)), {}};
      all.push_back(std::move(one.value));
    }
  }

  // Who got the queue's one message and has not acknowledged it holds the lock; RabbitMQ's own blog proposed it. There
  // are no tokens.
  Completion acquire(const Value& lock, const Deadline& deadline) {
    if (held_.count(lock)) return {OpType::fail, lock, "held by this client"};
    const RabbitmqAnswer answer = session_->get(lock_queue(lock), deadline);
    // Without an answer the connection is gone, and a message that was on its way goes back.
    if (answer.meaning != Meaning::done) return failed(lock, answer);
    if (!answer.body) return {OpType::fail, lock, "held by another"};
    held_[lock] = {answer.tag, session_->number()};
    return {OpType::ok, {}, {}};
  }

  Completion release(const Value& lock) {
    const auto held = held_.find(lock);
    if (held == held_.end()) return {OpType::fail, lock, "not held"};
    const auto [tag, session] = held->second;
    held_.erase(held);
    if (session_->number() != session) return {OpType::fail, lock, "the connection ended, and the lock with it"};
    const RabbitmqAnswer answer = session_->reject(tag);
    if (answer.meaning != Meaning::done) return failed(lock, answer);
    return {OpType::ok, lock, {}};
  }

  const std::string interface_, prefix_;
  const RabbitmqQueue type_;
  const std::int64_t locks_;
  std::map<Value, std::pair<std::uint64_t, std::uint64_t>> held_;  // lock → delivery tag, number of the session
  std::unique_ptr<RabbitmqSession> session_;
};

}  // namespace

std::unique_ptr<Client> make_rabbitmq_client(const ClientSettings& settings, std::unique_ptr<RabbitmqSession> session) {
  return std::make_unique<RabbitmqClient>(settings, std::move(session));
}

ClientInfo rabbitmq_client() {
  ClientInfo info;
  info.name = "rabbitmq";
  info.about = "RabbitMQ by AMQP 0-9-1, with publisher confirms and acknowledgements (librabbitmq)";
  info.interfaces = {"queue", "lock"};
  info.parameters = {
      spec::choice("queues", "what the test's queues are: classic (mirrored where a policy says so) or quorum",
                   {"classic", "quorum"}, "classic"),
      spec::text("prefix", "queues of the test begin with this and the run's name", "shaketable."),
  };
#ifdef SHAKETABLE_WITH_RABBITMQ
  info.make = [](const ClientSettings& settings) -> std::unique_ptr<Client> {
    if (asks_for_tls(settings)) return unusable_client("the rabbitmq client does not speak TLS");
    const auto peer = parse_host_port(settings.endpoints[settings.worker % settings.endpoints.size()].url, 5672);
    if (!peer) return unusable_client(peer.error().message);
    return make_rabbitmq_client(settings, make_rabbitmq_session(*peer, settings.user.empty() ? "guest" : settings.user,
                                                                settings.user.empty() ? "guest" : settings.password));
  };
#else
  info.missing = "librabbitmq-dev";
#endif
  return info;
}

}  // namespace shaketable
