// Sets, counters, queues, accounts and their like, of keys and guarded transactions.

#include <fmt/format.h>

#include "history/text.h"
#include "workloads/clients/etcd_api.h"

namespace shaketable {
namespace {

constexpr std::string_view kConflict = "somebody else changed it in between";

class EtcdPart : public EtcdObject {
 public:
  explicit EtcdPart(EtcdApi& api) : api_(api) {}

 protected:
  static Completion misuse(const Value& value) {
    return {OpType::fail, value, "etcd client: no such function or value"};
  }
  // The names below `name`, each JSON after it.
  Completion names(std::string_view name, const Value& value, Nanos timeout) {
    const auto pairs = etcd_read_all(api_, name, true, timeout);
    if (!pairs) return {OpType::fail, value, pairs.error().message};
    std::vector<Value> all;
    for (const Value& pair : *pairs) {
      auto one = api_.name_of(pair, name.size());
      if (!one) return {OpType::fail, value, "etcd client: a key is not one this client wrote"};
      all.push_back(std::move(*one));
    }
    return {OpType::ok, Value::list(std::move(all)), nullptr};
  }
  static std::int64_t number(const EtcdPair& pair) { return pair.content.is_integer() ? pair.content.integer() : 0; }
  // Adds to a number if nobody else does meanwhile; `sum` is what it made.
  Completion add(const std::string& key, std::int64_t amount, const Value& value, std::int64_t& sum, Nanos timeout) {
    const EtcdDeadline deadline(timeout);
    const auto found = etcd_read(api_, {key}, deadline.left());
    if (!found) return {OpType::fail, value, found.error().message};
    sum = number(found->front()) + amount;
    return etcd_commit(api_, {etcd_unchanged(key, found->front().revision)}, {etcd_put(key, sum)}, value, kConflict,
                       deadline.left());
  }

  EtcdApi& api_;
};

class EtcdSet final : public EtcdPart {
  using EtcdPart::EtcdPart;
  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f == "read") return names("e/", value, timeout);
    if (f != "add") return misuse(value);
    return etcd_commit(api_, {}, {etcd_put(api_.named("e/" + to_json(value)), true)}, value, "", timeout);
  }
};

class EtcdCounter final : public EtcdPart {
  using EtcdPart::EtcdPart;
  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    const std::string key = api_.named("counter");
    if (f == "read") {
      const auto found = etcd_read(api_, {key}, timeout);
      if (!found) return {OpType::fail, value, found.error().message};
      return {OpType::ok, number(found->front()), nullptr};
    }
    if (f != "add" || !value.is_integer()) return misuse(value);
    std::int64_t sum = 0;
    return add(key, value.integer(), value, sum, timeout);
  }
};

// An element is a key; who takes it is the one whose transaction deletes it.
class EtcdQueue final : public EtcdPart {
  using EtcdPart::EtcdPart;
  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f == "enqueue")
      return etcd_commit(api_, {}, {etcd_put(api_.named("q/" + to_json(value)), value)}, value, "", timeout);
    if (f == "dequeue") return dequeue(value, timeout);
    if (f != "drain") return misuse(value);
    const Value request =
        Value::map({{"key", api_.named("q/")}, {"range_end", api_.prefix_end("q/")}, {"prev_kv", true}});
    const EtcdApi::Change done = api_.change("/v3/kv/deleterange", request, timeout);
    if (done.type != OpType::ok) return {done.type, value, done.problem};
    std::vector<Value> taken;
    if (const Value* pairs = done.body.find("prev_kvs"); pairs && pairs->is_list())
      for (const Value& pair : pairs->items()) {
        auto element = EtcdApi::content_of(pair);
        if (!element) return {OpType::info, value, "etcd client: an element is not one this client wrote"};
        taken.push_back(std::move(*element));
      }
    return {OpType::ok, Value::list(std::move(taken)), nullptr};
  }

  Completion dequeue(const Value& value, Nanos timeout) {
    const EtcdDeadline deadline(timeout);
    const auto answer = api_.ask("/v3/kv/range",
                                 Value::map({{"key", api_.named("q/")},
                                             {"range_end", api_.prefix_end("q/")},
                                             {"limit", "1"},
                                             {"sort_order", "ASCEND"},
                                             {"sort_target", "CREATE"}}),
                                 deadline.left());
    if (!answer) return {OpType::fail, value, answer.error().message};
    const Value* pairs = answer->find("kvs");
    if (!pairs || !pairs->is_list() || pairs->size() == 0) return {OpType::ok, nullptr, nullptr};
    const Value& pair = (*pairs)[0];
    const auto element = EtcdApi::content_of(pair);
    if (!element) return {OpType::fail, value, "etcd client: the element is not one this client wrote"};
    const std::string key = api_.named("q/" + to_json(*element));
    const Value remove = Value::map({{"requestDeleteRange", Value::map({{"key", key}})}});
    Completion done = etcd_commit(api_, {etcd_unchanged(key, EtcdApi::number_of(pair, "mod_revision"))}, {remove},
                                  value, "somebody else took it", deadline.left());
    if (done.type == OpType::ok) done.value = *element;
    return done;
  }
};

class EtcdBank final : public EtcdPart {
 public:
  EtcdBank(EtcdApi& api, const Parameters& workload)
      : EtcdPart(api), accounts_(workload.integer("accounts")), total_(workload.integer("total")) {}

  Result<void> setup(Nanos timeout) override {
    const EtcdDeadline deadline(timeout);
    for (std::int64_t account = 0; account < accounts_; ++account) {
      const std::string key = api_.key(Value(account));
      const Completion done = etcd_commit(api_, {etcd_unchanged(key, 0)}, {etcd_put(key, total_ / accounts_)}, account,
                                          "there already", deadline.left());
      // One that is there was made by an earlier attempt.
      if (done.type == OpType::info || (done.type == OpType::fail && !(done.error == Value("there already"))))
        return infrastructure(fmt::format("account {}: {}", account, to_json(done.error)));
    }
    return {};
  }

  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    const EtcdDeadline deadline(timeout);
    if (f == "read") {
      std::vector<std::string> keys;
      for (std::int64_t account = 0; account < accounts_; ++account) keys.push_back(api_.key(Value(account)));
      const auto found = etcd_read(api_, keys, deadline.left());
      if (!found) return {OpType::fail, value, found.error().message};
      std::vector<std::pair<Value, Value>> balances;
      for (std::int64_t account = 0; account < accounts_; ++account)
        balances.emplace_back(account, (*found)[static_cast<std::size_t>(account)].content);
      return {OpType::ok, Value::map(std::move(balances)), nullptr};
    }
    if (f != "transfer" || value.kind() != Value::Kind::map) return misuse(value);
    const Value *from = value.find("from"), *to = value.find("to"), *amount = value.find("amount");
    for (const Value* one : {from, to, amount})
      if (!one || !one->is_integer()) return misuse(value);
    const std::vector<std::string> keys{api_.key(*from), api_.key(*to)};
    const auto found = etcd_read(api_, keys, deadline.left());
    if (!found) return {OpType::fail, value, found.error().message};
    const EtcdPair &source = (*found)[0], &target = (*found)[1];
    if (number(source) < amount->integer()) return {OpType::fail, value, "the account does not hold so much"};
    return etcd_commit(
        api_, {etcd_unchanged(keys[0], source.revision), etcd_unchanged(keys[1], target.revision)},
        {etcd_put(keys[0], number(source) - amount->integer()), etcd_put(keys[1], number(target) + amount->integer())},
        value, kConflict, deadline.left());
  }

 private:
  const std::int64_t accounts_, total_;
};

// The revision that a put makes is nobody else's.
class EtcdIds final : public EtcdPart {
  using EtcdPart::EtcdPart;
  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f != "generate") return misuse(value);
    const Value request = Value::map({{"key", api_.named("id")}, {"value", EtcdApi::encoded(true)}});
    const EtcdApi::Change done = api_.change("/v3/kv/put", request, timeout);
    if (done.type != OpType::ok) return {done.type, value, done.problem};
    const Value* header = done.body.find("header");
    const std::int64_t revision = header ? EtcdApi::number_of(*header, "revision") : 0;
    if (revision == 0) return {OpType::info, value, "etcd client: the answer has no revision"};
    return {OpType::ok, revision, nullptr};
  }
};

class EtcdNumbers final : public EtcdPart {
  using EtcdPart::EtcdPart;
  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f == "inc") {
      std::int64_t sum = 0;
      Completion done = add(api_.key(value), 1, value, sum, timeout);
      if (done.type == OpType::ok) done.value = Value::map({{value, sum}});
      return done;
    }
    if (f != "read" || !value.is_list()) return misuse(value);
    std::vector<std::string> keys;
    for (const Value& name : value.items()) keys.push_back(api_.key(name));
    const auto found = etcd_read(api_, keys, timeout);
    if (!found) return {OpType::fail, value, found.error().message};
    std::vector<std::pair<Value, Value>> all;
    for (std::size_t i = 0; i < keys.size(); ++i) all.emplace_back(value[i], number((*found)[i]));
    return {OpType::ok, Value::map(std::move(all)), nullptr};
  }
};

// Two tables of rows KEY/ID; whether a key has any row is asked of the range of its rows.
class EtcdTables final : public EtcdPart {
  using EtcdPart::EtcdPart;
  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f != "insert" || !value.is_list() || value.size() != 2 || !value[1].is_list() || value[1].size() != 2)
      return misuse(value);
    const bool first = !value[1][0].is_nil();
    const auto rows = [&](const char* table) { return fmt::format("{}/{}/", table, to_json(value[0])); };
    const auto empty = [&](const std::string& name) {
      return Value::map({{"key", api_.named(name)},
                         {"range_end", api_.prefix_end(name)},
                         {"target", "VERSION"},
                         {"result", "EQUAL"},
                         {"version", "0"}});
    };
    const std::string row = rows(first ? "a" : "b") + to_json(first ? value[1][0] : value[1][1]);
    return etcd_commit(api_, {empty(rows("a")), empty(rows("b"))}, {etcd_put(api_.named(row), true)}, value,
                       "there is a row with this key", timeout);
  }
};

// An effect is a number beside its identifier; a second application of the same finds it there.
class EtcdEffects final : public EtcdPart {
  using EtcdPart::EtcdPart;
  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (f == "read") return names("e/", value, timeout);
    if (f != "apply") return misuse(value);
    const std::string key = api_.named("e/" + to_json(value));
    const Value request =
        Value::map({{"compare", Value::list({etcd_unchanged(key, 0)})}, {"success", Value::list({etcd_put(key, 1)})}});
    const EtcdApi::Change done = api_.change("/v3/kv/txn", request, timeout);
    if (done.type == OpType::ok) return {OpType::ok, value, nullptr};
    return {done.type, value, done.problem};
  }
};

}  // namespace

std::unique_ptr<EtcdObject> etcd_set(EtcdApi& api) {
  return std::make_unique<EtcdSet>(api);
}
std::unique_ptr<EtcdObject> etcd_counter(EtcdApi& api) {
  return std::make_unique<EtcdCounter>(api);
}
std::unique_ptr<EtcdObject> etcd_queue(EtcdApi& api) {
  return std::make_unique<EtcdQueue>(api);
}
std::unique_ptr<EtcdObject> etcd_bank(EtcdApi& api, const Parameters& workload) {
  return std::make_unique<EtcdBank>(api, workload);
}
std::unique_ptr<EtcdObject> etcd_ids(EtcdApi& api) {
  return std::make_unique<EtcdIds>(api);
}
std::unique_ptr<EtcdObject> etcd_numbers(EtcdApi& api) {
  return std::make_unique<EtcdNumbers>(api);
}
std::unique_ptr<EtcdObject> etcd_tables(EtcdApi& api) {
  return std::make_unique<EtcdTables>(api);
}
std::unique_ptr<EtcdObject> etcd_effects(EtcdApi& api) {
  return std::make_unique<EtcdEffects>(api);
}

}  // namespace shaketable
