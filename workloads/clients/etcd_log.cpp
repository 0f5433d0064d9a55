// Logs, as the history of keys: a revision is an offset, a watch reads on from one.

#include <algorithm>

#include "history/text.h"
#include "workloads/clients/etcd_api.h"

namespace shaketable {
namespace {

constexpr std::string_view kLogs = "log/";

class EtcdLog final : public EtcdObject {
 public:
  explicit EtcdLog(EtcdApi& api) : api_(api) {}

  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f == "assign" && value.is_list()) {
      assigned_.assign(value.items().begin(), value.items().end());
      return {OpType::ok, value, nullptr};
    }
    if (f == "send" && value.is_list()) return send(value, timeout);
    if (f != "poll") return {OpType::fail, value, "etcd client: no such function or value"};
    if (assigned_.empty()) return {OpType::fail, value, "nothing is assigned"};
    return poll(value, timeout);
  }

 private:
  Completion send(const Value& value, Nanos timeout) {
    std::vector<Value> puts;
    for (const Value& micro : value.items()) {
      if (!micro.is_list() || micro.size() != 3 || !(micro[0] == Value("send")))
        return {OpType::fail, value, "etcd client: not such a send"};
      puts.push_back(etcd_put(api_.named(std::string(kLogs) + to_json(micro[1])), micro[2]));
    }
    const EtcdApi::Change done =
        api_.change("/v3/kv/txn", Value::map({{"success", Value::list(std::move(puts))}}), timeout);
    if (done.type != OpType::ok) return {done.type, value, done.problem};
    const Value* header = done.body.find("header");
    const std::int64_t revision = header ? EtcdApi::number_of(*header, "revision") : 0;
    std::vector<Value> answers;
    for (const Value& micro : value.items())
      answers.push_back(
          Value::list({"send", micro[1], Value::list({revision > 0 ? Value(revision) : Value(), micro[2]})}));
    return {OpType::ok, Value::list(std::move(answers)), nullptr};
  }

  Completion poll(const Value& value, Nanos timeout) {
    const EtcdDeadline deadline(timeout);
    const auto target = last_revision(deadline.left());
    if (!target) return {OpType::fail, value, target.error().message};
    std::int64_t from = *target;
    for (const Value& key : assigned_) from = std::min(from, positions_[key]);
    std::map<Value, std::vector<Value>> polled;
    std::int64_t reached = from;
    if (from < *target) {
      const Value request =
          Value::map({{"create_request", Value::map({{"key", api_.named(kLogs)},
                                                     {"range_end", api_.prefix_end(kLogs)},
                                                     {"start_revision", std::to_string(from + 1)}})}});
      const auto enough = [&](const Value& line) {
        for (const Value& event : events_of(line)) reached = std::max(reached, revision_of(event));
        return reached >= *target;
      };
      const auto lines = api_.stream("/v3/watch", request, deadline.left() / 2, enough);
      if (!lines) return {OpType::fail, value, lines.error().message};
      const std::map<Value, std::int64_t> before = positions_;
      for (const Value& line : *lines)
        for (const Value& event : events_of(line))
          if (!take(event, from, before, polled))
            return {OpType::fail, value, "etcd client: an event is not one this client wrote"};
    }
    // What lies before the last event seen is read, in every log: events come in the order of their revisions, or else
    // the checker will miss what did not.
    for (const Value& key : assigned_) positions_[key] = std::max(positions_[key], reached);
    std::vector<std::pair<Value, Value>> logs;
    for (auto& [key, messages] : polled) logs.emplace_back(key, Value::list(std::move(messages)));
    return {OpType::ok, Value::list({Value::list({"poll", Value::map(std::move(logs))})}), nullptr};
  }

  // Of any log; 0 if there is nothing yet.
  Result<std::int64_t> last_revision(Nanos timeout) {
    const auto answer = api_.ask("/v3/kv/range",
                                 Value::map({{"key", api_.named(kLogs)},
                                             {"range_end", api_.prefix_end(kLogs)},
                                             {"keys_only", true},
                                             {"limit", "1"},
                                             {"sort_order", "DESCEND"},
                                             {"sort_target", "MOD"}}),
                                 timeout);
    if (!answer) return Failure(answer.error());
    const Value* pairs = answer->find("kvs");
    if (!pairs || !pairs->is_list() || pairs->size() == 0) return 0;
    return EtcdApi::number_of((*pairs)[0], "mod_revision");
  }

  static std::vector<Value> events_of(const Value& line) {
    const Value* result = line.find("result");
    const Value* events = result && result->kind() == Value::Kind::map ? result->find("events") : nullptr;
    if (!events || !events->is_list()) return {};
    return {events->items().begin(), events->items().end()};
  }
  static std::int64_t revision_of(const Value& event) {
    const Value* pair = event.kind() == Value::Kind::map ? event.find("kv") : nullptr;
    return pair ? EtcdApi::number_of(*pair, "mod_revision") : 0;
  }

  // The watch is of all logs and begins where the one furthest behind stands: what others have had already is left out,
  // but never what is older than was asked for, which is etcd's mistake and must be seen.
  bool take(const Value& event, std::int64_t from, const std::map<Value, std::int64_t>& before,
            std::map<Value, std::vector<Value>>& polled) const {
    const Value* pair = event.kind() == Value::Kind::map ? event.find("kv") : nullptr;
    if (!pair) return false;
    const auto key = api_.name_of(*pair, kLogs.size());
    auto content = EtcdApi::content_of(*pair);
    if (!key || !content) return false;
    if (std::find(assigned_.begin(), assigned_.end(), *key) == assigned_.end()) return true;
    const std::int64_t revision = revision_of(event);
    if (revision > from && revision <= before.at(*key)) return true;
    polled[*key].push_back(Value::list({revision, std::move(*content)}));
    return true;
  }

  EtcdApi& api_;
  std::vector<Value> assigned_;
  std::map<Value, std::int64_t> positions_;  // the revision up to which a log was read
};

}  // namespace

std::unique_ptr<EtcdObject> etcd_log(EtcdApi& api) {
  return std::make_unique<EtcdLog>(api);
}

}  // namespace shaketable
