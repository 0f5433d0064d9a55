#include "workloads/clients/nats.h"

#include <fmt/format.h>

#include <cctype>

#include "history/text.h"
#include "workloads/clients/unusable.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

using Meaning = NatsMeaning;

// A stream's name has no dots, blanks or wildcards.
std::string stream_name(std::string name) {
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') c = '_';
  return name;
}

class NatsClient final : public Client {
 public:
  NatsClient(const ClientSettings& settings, std::unique_ptr<NatsSession> session)
      : stream_(stream_name(settings.options.text("prefix") + settings.run)),
        replicas_(static_cast<int>(settings.options.integer("replicas"))),
        session_(std::move(session)) {}

  Result<void> open(Nanos) override { return {}; }  // connects with the first request

  Result<void> setup(Nanos timeout) override {
    const NatsAnswer answer = session_->make_stream(stream_, replicas_, Deadline(timeout));
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
    if (f.text() == "add") {
      const NatsAnswer answer = session_->publish(stream_, to_json(value), deadline);
      if (answer.meaning == Meaning::done) return {OpType::ok, value, {}};
      return {answer.meaning == Meaning::unknown ? OpType::info : OpType::fail, value, answer.problem};
    }
    if (f.text() != "read") return {OpType::fail, value, fmt::format("nats client: no function \"{}\"", f.text())};
    const NatsAnswer answer = session_->read_all(stream_, deadline);
    if (answer.meaning != Meaning::done) return {OpType::fail, value, answer.problem};
    std::vector<Value> elements;
    for (const std::string& message : answer.messages) {
      const auto element = parse_json(message);
      if (!element) return {OpType::fail, value, "nats client: a message that this client did not write"};
      elements.push_back(*element);
    }
    return {OpType::ok, Value::list(std::move(elements)), {}};
  }

 private:
  const std::string stream_;
  const int replicas_;
  std::unique_ptr<NatsSession> session_;
};

}  // namespace

std::unique_ptr<Client> make_nats_client(const ClientSettings& settings, std::unique_ptr<NatsSession> session) {
  return std::make_unique<NatsClient>(settings, std::move(session));
}

ClientInfo nats_client() {
  ClientInfo info;
  info.name = "nats";
  info.about = "JetStream of NATS 2.2 and later, a stream with acknowledged publications (libnats)";
  info.interfaces = {"set"};
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
