// One key that is written over and over, and watches of it at the client's own member.

#include "workloads/clients/etcd_api.h"

namespace shaketable {
namespace {

const Value* events_of(const Value& line) {
  const Value* result = line.find("result");
  const Value* events = result && result->kind() == Value::Kind::map ? result->find("events") : nullptr;
  return events && events->is_list() ? events : nullptr;
}

class EtcdWatch final : public EtcdObject {
 public:
  explicit EtcdWatch(EtcdApi& api) : api_(api), key_(api.named("watched")) {}

  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f == "write") return write(value, timeout);
    if (f == "watch" && (value.is_integer() || value.is_nil())) return watch(value, timeout);
    return {OpType::fail, value, "etcd client: no such function or value"};
  }

 private:
  Completion write(const Value& value, Nanos timeout) {
    const EtcdApi::Change done =
        api_.change("/v3/kv/put", Value::map({{"key", key_}, {"value", EtcdApi::encoded(value)}}), timeout);
    if (done.type != OpType::ok) return {done.type, value, done.problem};
    const Value* header = done.body.find("header");
    const std::int64_t revision = header ? EtcdApi::number_of(*header, "revision") : 0;
    if (revision == 0) return {OpType::info, value, "etcd client: the answer to a put has no revision"};
    return {OpType::ok, revision, nullptr};
  }

  Completion watch(const Value& after, Nanos timeout) {
    const std::int64_t from = after.is_integer() ? after.integer() + 1 : 1;
    const Value request =
        Value::map({{"create_request", Value::map({{"key", key_}, {"start_revision", std::to_string(from)}})}});
    const auto lines =
        api_.stream("/v3/watch", request, timeout, [](const Value& line) { return events_of(line) != nullptr; });
    if (!lines) return {OpType::fail, after, lines.error().message};
    std::vector<Value> told;
    for (const Value& line : *lines) {
      const Value* result = line.find("result");
      if (!result || result->kind() != Value::Kind::map)
        return {OpType::fail, after, "etcd client: a line of the watch has no result"};
      if (const Value* canceled = result->find("canceled"); canceled && *canceled == Value(true))
        return {OpType::fail, after, "the watch was cancelled"};
      const Value* events = events_of(line);
      if (!events) continue;
      for (const Value& event : events->items()) {
        const Value* pair = event.kind() == Value::Kind::map ? event.find("kv") : nullptr;
        auto content = pair ? EtcdApi::content_of(*pair) : std::nullopt;
        if (!content) return {OpType::fail, after, "etcd client: an event is not one this client wrote"};
        told.push_back(Value::list({EtcdApi::number_of(*pair, "mod_revision"), std::move(*content)}));
      }
    }
    return {OpType::ok, Value::list(std::move(told)), nullptr};
  }

  EtcdApi& api_;
  const std::string key_;
};

}  // namespace

std::unique_ptr<EtcdObject> etcd_watch(EtcdApi& api) {
  return std::make_unique<EtcdWatch>(api);
}

}  // namespace shaketable
