#include "workloads/clients/redis.h"

#include <fmt/format.h>

#include <functional>

#include "history/text.h"
#include "workloads/clients/redis_route.h"
#include "workloads/clients/unusable.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

using Kind = RedisReply::Kind;
using Words = std::vector<std::string>;

// Redis says these before it carries a command out; a script meets them at its first write at the latest, when nothing
// is written yet. Any other error leaves open what happened.
bool was_refused(std::string_view error) {
  const std::string_view code = error.substr(0, error.find(' '));
  for (const std::string_view known :
       {"READONLY", "LOADING", "MASTERDOWN", "NOAUTH", "NOPERM", "WRONGTYPE", "OOM", "NOREPLICAS", "MISCONF", "BUSY",
        "MOVED", "ASK", "CLUSTERDOWN", "TRYAGAIN", "CROSSSLOT"})
    if (code == known) return true;
  return false;
}

constexpr const char* kCas = R"(
local now = redis.call('GET', KEYS[1])
if ARGV[1] == 'null' then if now then return 0 end elseif now ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1)";

constexpr const char* kReleaseLock = R"(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1)";

constexpr const char* kTakeAll = R"(
local all = redis.call('LRANGE', KEYS[1], 0, -1)
redis.call('DEL', KEYS[1])
return all)";

constexpr const char* kApplyOnce = R"(
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then redis.call('RPUSH', KEYS[2], ARGV[1]) end
return 1)";

// Three arguments a micro-operation: its function, the place of its key in KEYS, its value.
constexpr const char* kTransaction = R"(
local out = {}
for i = 1, #ARGV, 3 do
  local f, key = ARGV[i], KEYS[tonumber(ARGV[i + 1])]
  if f == 'append' then redis.call('RPUSH', key, ARGV[i + 2])
  elseif f == 'w' then redis.call('SET', key, ARGV[i + 2])
  elseif f == 'r list' then out[#out + 1] = redis.call('LRANGE', key, 0, -1)
  else out[#out + 1] = redis.call('GET', key) end
end
return out)";

class RedisClient final : public Client {
 public:
  RedisClient(const ClientSettings& settings, std::unique_ptr<RedisRoute> route)
      : interface_(settings.interface),
        prefix_(settings.options.text("prefix") + settings.run + ":"),
        wait_replicas_(settings.options.integer("wait")),
        spread_(settings.options.integer("spread")),
        lease_ms_(std::chrono::ceil<std::chrono::milliseconds>(settings.options.duration("lease")).count()),
        holder_(fmt::format("{}-{}", settings.run, settings.worker)),
        route_(std::move(route)) {}

  Result<void> open(Nanos) override { return {}; }  // connects with the first command

  Result<void> probe(Nanos timeout) override {
    const RedisAnswer answer = route_->command(prefix_, {"PING"}, Deadline(timeout));
    if (answer.reply && answer.reply->kind == Kind::status) return {};
    return infrastructure("redis does not answer: " + (answer.reply ? answer.reply->text : answer.problem));
  }

  Completion invoke(Name f, const Value& value, Nanos timeout) override {
    const Deadline deadline(timeout);
    const std::string_view name = f.text();
    if (interface_ == "register" && value.is_list() && value.size() == 2)
      return register_operation(name, value, deadline);
    if (interface_ == "set") return set_operation(name, value, deadline);
    if (interface_ == "counter") return counter_operation(name, value, deadline);
    if (interface_ == "queue") return queue_operation(name, value, deadline);
    if (interface_ == "lock") return lock_operation(name, value, deadline);
    if (interface_ == "ids" && name == "generate")
      return change(value, "ids", {"INCR", key("ids")}, deadline, integer_answer);
    if (interface_ == "exactly-once") return once_operation(name, value, deadline);
    if ((interface_ == "list-transactions" || interface_ == "register-transactions") && value.is_list())
      return transaction(value, deadline);
    return cannot(name, value);
  }

 private:
  // From a reply that is no error to the completion's value; none when it is not of the shape that was to come.
  using Reading = std::function<std::optional<Value>(const RedisReply&)>;

  static std::optional<Value> integer_answer(const RedisReply& reply) {
    return reply.kind == Kind::integer ? std::optional<Value>(reply.integer) : std::nullopt;
  }
  static std::optional<Value> stored_or(const RedisReply& reply, Value nothing) {
    if (reply.kind == Kind::nil) return nothing;
    if (reply.kind != Kind::text) return std::nullopt;
    const auto parsed = parse_json(reply.text);
    return parsed ? std::optional<Value>(*parsed) : std::nullopt;
  }
  static std::optional<Value> stored(const RedisReply& reply) { return stored_or(reply, {}); }
  static std::optional<Value> stored_list(const RedisReply& reply) {
    if (reply.kind != Kind::list) return std::nullopt;
    std::vector<Value> items;
    for (const RedisReply& item : reply.items) {
      auto value = stored(item);
      if (!value || item.kind == Kind::nil) return std::nullopt;
      items.push_back(std::move(*value));
    }
    return Value::list(std::move(items));
  }
  static Reading always(Value value) {
    return [value](const RedisReply&) { return value; };
  }

  std::string key(std::string_view name) const { return prefix_ + std::string(name); }
  std::string key(std::string_view kind, const Value& k) const {
    return fmt::format("{}{}:{}", prefix_, kind, to_json(k));
  }

  static Completion cannot(std::string_view name, const Value& value) {
    return {OpType::fail, value, fmt::format("redis client: no function \"{}\" with that value", name)};
  }

  Completion read(const Value& value, const std::string& at, const Words& words, const Deadline& deadline,
                  const Reading& reading) {
    const RedisAnswer answer = route_->command(at, words, deadline);
    if (!answer.reply) return {OpType::fail, value, answer.problem};
    if (answer.reply->kind == Kind::error) return {OpType::fail, value, answer.reply->text};
    auto result = reading(*answer.reply);
    if (!result) return {OpType::fail, value, "redis client: an answer of another shape"};
    return {OpType::ok, std::move(*result), {}};
  }

  Completion change(const Value& value, const std::string& at, const Words& words, const Deadline& deadline,
                    const Reading& reading, const char* refused_as = nullptr) {
    const RedisAnswer answer = route_->command(at, words, deadline);
    if (!answer.reply) return {answer.sent ? OpType::info : OpType::fail, value, answer.problem};
    if (answer.reply->kind == Kind::error)
      return {was_refused(answer.reply->text) ? OpType::fail : OpType::info, value, answer.reply->text};
    // A script's own "no".
    if (refused_as && answer.reply->kind == Kind::integer && answer.reply->integer == 0)
      return {OpType::fail, value, refused_as};
    auto result = reading(*answer.reply);
    if (!result) return {OpType::info, value, "redis client: an answer of another shape"};
    if (wait_replicas_ > 0)
      if (const auto missing = wait_for_replicas(at, deadline)) return {OpType::info, value, *missing};
    return {OpType::ok, std::move(*result), {}};
  }

  // The change stands on the master. Without the replicas that were asked for nobody knows whether it will stay.
  std::optional<std::string> wait_for_replicas(const std::string& at, const Deadline& deadline) {
    const RedisAnswer answer =
        route_->command(at, {"WAIT", std::to_string(wait_replicas_), std::to_string(deadline.left_ms() + 1)}, deadline);
    if (!answer.reply) return "WAIT: " + answer.problem;
    if (answer.reply->kind != Kind::integer) return "WAIT: " + answer.reply->text;
    if (answer.reply->integer >= wait_replicas_) return std::nullopt;
    return fmt::format("{} of {} replicas have it", answer.reply->integer, wait_replicas_);
  }

  Completion register_operation(std::string_view name, const Value& value, const Deadline& deadline) {
    const std::string at = key("register", value[0]);
    if (name == "read")
      return read(value, at, {"GET", at}, deadline, [&](const RedisReply& reply) -> std::optional<Value> {
        auto content = stored(reply);
        if (!content) return std::nullopt;
        return Value::list({value[0], std::move(*content)});
      });
    if (name == "write") return change(value, at, {"SET", at, to_json(value[1])}, deadline, always(value));
    if (name == "cas" && value[1].is_list() && value[1].size() == 2)
      return change(value, at, {"EVAL", kCas, "1", at, to_json(value[1][0]), to_json(value[1][1])}, deadline,
                    always(value), "did not match");
    return cannot(name, value);
  }

  // In a cluster one key is one server's. Spread over several, the set is everybody's.
  Completion set_operation(std::string_view name, const Value& value, const Deadline& deadline) {
    const auto part = [&](std::uint64_t i) { return key(fmt::format("set:{}", i)); };
    if (name == "add") {
      const std::string at = part(value.hash() % static_cast<std::uint64_t>(spread_));
      return change(value, at, {"SADD", at, to_json(value)}, deadline, always(value));
    }
    if (name != "read") return cannot(name, value);
    std::vector<Value> all;
    for (std::int64_t i = 0; i < spread_; ++i) {
      const std::string at = part(static_cast<std::uint64_t>(i));
      const Completion some = read(value, at, {"SMEMBERS", at}, deadline, stored_list);
      if (some.type != OpType::ok) return some;
      all.insert(all.end(), some.value.items().begin(), some.value.items().end());
    }
    return {OpType::ok, Value::list(std::move(all)), {}};
  }

  Completion counter_operation(std::string_view name, const Value& value, const Deadline& deadline) {
    const std::string at = key("counter");
    if (name == "add" && value.is_integer())
      return change(value, at, {"INCRBY", at, std::to_string(value.integer())}, deadline, always(value));
    if (name == "read")
      return read(value, at, {"GET", at}, deadline, [](const RedisReply& reply) { return stored_or(reply, 0); });
    return cannot(name, value);
  }

  Completion queue_operation(std::string_view name, const Value& value, const Deadline& deadline) {
    const std::string at = key("queue");
    if (name == "enqueue") return change(value, at, {"RPUSH", at, to_json(value)}, deadline, always(value));
    if (name == "dequeue") return change(value, at, {"LPOP", at}, deadline, stored);
    if (name == "drain") return change(value, at, {"EVAL", kTakeAll, "1", at}, deadline, stored_list);
    return cannot(name, value);
  }

  // The recipe of Redis's documentation for a single instance: SET NX PX, and a holder's own word to give it back with.
  // It has no tokens.
  Completion lock_operation(std::string_view name, const Value& value, const Deadline& deadline) {
    const std::string at = key("lock", value);
    if (name == "acquire") {
      word_ = fmt::format("{}-{}-{}", holder_, fmt::ptr(this), ++holds_);
      const Words words{"SET", at, word_, "NX", "PX", std::to_string(lease_ms_)};
      Completion completion = change(value, at, words, deadline, [](const RedisReply& reply) -> std::optional<Value> {
        if (reply.kind == Kind::status) return Value();
        if (reply.kind == Kind::nil) return Value(false);
        return std::nullopt;
      });
      if (completion.type == OpType::ok && !completion.value.is_nil()) return {OpType::fail, value, "held by another"};
      return completion;
    }
    if (name == "release")
      return change(value, at, {"EVAL", kReleaseLock, "1", at, word_}, deadline, always(value), "not held");
    return cannot(name, value);
  }

  Completion once_operation(std::string_view name, const Value& value, const Deadline& deadline) {
    // The braces put both keys into one slot of a cluster.
    const std::string seen = "{" + key("once") + "}:seen", effects = "{" + key("once") + "}:effects";
    if (name == "apply")
      return change(value, seen, {"EVAL", kApplyOnce, "2", seen, effects, to_json(value)}, deadline, always(value));
    if (name == "read") return read(value, effects, {"LRANGE", effects, "0", "-1"}, deadline, stored_list);
    return cannot(name, value);
  }

  // One script: Redis runs it whole and alone. All keys are in one slot, so in a cluster one server has them all.
  Completion transaction(const Value& value, const Deadline& deadline) {
    const bool lists = interface_ == "list-transactions";
    std::vector<std::string> keys;
    Words arguments;
    bool writes = false;
    for (const Value& micro : value.items()) {
      if (!micro.is_list() || micro.size() != 3) return cannot("txn", value);
      const auto kind = micro[0].kind();
      if (kind != Value::Kind::string && kind != Value::Kind::keyword) return cannot("txn", value);
      const std::string_view f = micro[0].text();
      if (f != "r" && f != (lists ? "append" : "w")) return cannot("txn", value);
      writes = writes || f != "r";
      keys.push_back("{" + key("txn") + "}:" + to_json(micro[1]));
      arguments.push_back(f != "r" ? std::string(f) : lists ? "r list" : "r");
      arguments.push_back(std::to_string(keys.size()));
      arguments.push_back(to_json(micro[2]));
    }
    if (keys.empty()) return {OpType::ok, value, {}};
    Words words{"EVAL", kTransaction, std::to_string(keys.size())};
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    const Reading reading = [&](const RedisReply& reply) { return with_reads(value, reply, lists); };
    return writes ? change(value, keys[0], words, deadline, reading) : read(value, keys[0], words, deadline, reading);
  }

  // A nil in the middle of a script's table ends what Redis makes of it, so what a read found comes as false, which it
  // gives as nil.
  static std::optional<Value> with_reads(const Value& value, const RedisReply& reply, bool lists) {
    if (reply.kind != Kind::list) return std::nullopt;
    std::vector<Value> micros;
    std::size_t next = 0;
    for (const Value& micro : value.items()) {
      if (micro[0].text() != "r") {
        micros.push_back(micro);
        continue;
      }
      if (next >= reply.items.size()) return std::nullopt;
      auto found = lists ? stored_list(reply.items[next]) : stored(reply.items[next]);
      if (!found) return std::nullopt;
      ++next;
      if (lists && found->size() == 0) found = Value();
      micros.push_back(Value::list({micro[0], micro[1], std::move(*found)}));
    }
    return Value::list(std::move(micros));
  }

  const std::string interface_, prefix_;
  const std::int64_t wait_replicas_, spread_, lease_ms_;
  const std::string holder_;
  std::string word_ = "none";  // of the last acquire
  std::uint64_t holds_ = 0;
  std::unique_ptr<RedisRoute> route_;
};

}  // namespace

ClientInfo redis_client() {
  ClientInfo info;
  info.name = "redis";
  info.about = "Redis 7: one server, the master that Sentinel names, or a cluster (hiredis)";
  info.interfaces = {"register",    "set", "counter",           "queue",
                     "lock",        "ids", "list-transactions", "register-transactions",
                     "exactly-once"};
  info.parameters = {
      spec::choice("route",
                   "sentinel: the master that the own node's Sentinel names; endpoint: the own node; cluster: "
                   "the key's master",
                   {"sentinel", "endpoint", "cluster"}, "sentinel"),
      spec::integer("sentinel_port", "of the Sentinels", 26379, 1, 65535),
      spec::text("sentinel_name", "what the Sentinels call the master", "shaketable"),
      spec::integer("wait", "replicas that must have a change (WAIT) before it counts as done; 0: none", 0, 0, 100),
      spec::integer("spread", "keys that the elements of a set are spread over", 1, 1, 10'000),
      spec::duration("lease", "after which a lock that was not released is anybody's", std::chrono::seconds(10)),
      spec::text("prefix", "keys of the test begin with this and the run's name", "shaketable/"),
  };
#ifdef SHAKETABLE_WITH_REDIS
  info.make = [](const ClientSettings& settings) -> std::unique_ptr<Client> {
    auto route = make_redis_route(settings);
    if (!route) return unusable_client(route.error().message);
    return std::make_unique<RedisClient>(settings, std::move(*route));
  };
#else
  info.missing = "libhiredis-dev";
#endif
  return info;
}

}  // namespace shaketable
