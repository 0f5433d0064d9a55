// Registers and transactions on keys.

#include <fmt/format.h>

#include <map>

#include "workloads/clients/etcd_api.h"

namespace shaketable {
namespace {

class EtcdRegisters final : public EtcdObject {
 public:
  explicit EtcdRegisters(EtcdApi& api) : api_(api) {}

  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    if (!value.is_list() || value.size() != 2)
      return {OpType::fail, value, "etcd client: expected a [key value] tuple"};
    const std::string key = api_.key(value[0]);
    const Value& argument = value[1];
    if (f == "read") return read(value, key, timeout);
    if (f == "write") {
      const Value request = Value::map({{"key", key}, {"value", EtcdApi::encoded(argument)}});
      const EtcdApi::Change done = api_.change("/v3/kv/put", request, timeout);
      if (done.type == OpType::ok) return {OpType::ok, value, nullptr};
      return {done.type, value, done.problem};
    }
    if (f == "cas" && argument.is_list() && argument.size() == 2) {
      // A register that was never written has no revision to compare, so "expect nil" asks for its version to be 0.
      const Value compare =
          argument[0].is_nil()
              ? Value::map({{"key", key}, {"target", "VERSION"}, {"result", "EQUAL"}, {"version", "0"}})
              : Value::map(
                    {{"key", key}, {"target", "VALUE"}, {"result", "EQUAL"}, {"value", EtcdApi::encoded(argument[0])}});
      return etcd_commit(api_, {compare}, {etcd_put(key, argument[1])}, value, "did not match", timeout);
    }
    return {OpType::fail, value, fmt::format("etcd client: no function \"{}\" with that value", f)};
  }

 private:
  Completion read(const Value& value, const std::string& key, Nanos timeout) {
    std::vector<std::pair<Value, Value>> fields{{"key", key}};
    if (api_.serializable()) fields.emplace_back("serializable", true);
    const auto answer = api_.ask("/v3/kv/range", Value::map(std::move(fields)), timeout);
    if (!answer) return {OpType::fail, value, answer.error().message};
    const Value* found = answer->find("kvs");
    if (!found || (found->is_list() && found->size() == 0))
      return {OpType::ok, Value::list({value[0], nullptr}), nullptr};
    if (!found->is_list()) return {OpType::fail, value, "etcd client: \"kvs\" is not a list"};
    auto content = EtcdApi::content_of((*found)[0]);
    if (!content) return {OpType::fail, value, "etcd client: the value read is not one this client wrote"};
    return {OpType::ok, Value::list({value[0], std::move(*content)}), nullptr};
  }

  EtcdApi& api_;
};

// Optimistic: the keys are read in one request; the writes go in another that does nothing unless each of these keys is
// as it was read. So a transaction that commits saw what was there when it did. Never tried a second time. Transactions
// that only read, or only write without having looked, are one request.
class EtcdTransactions final : public EtcdObject {
 public:
  EtcdTransactions(EtcdApi& api, bool lists) : api_(api), lists_(lists) {}

  Completion invoke(std::string_view f, const Value& value, Nanos timeout) override {
    const EtcdDeadline deadline(timeout);
    if (f != "txn" || !value.is_list()) return misuse(value);
    std::map<Value, Key> keys;
    for (const Value& micro : value.items()) {
      if (!micro.is_list() || micro.size() != 3 || micro[0].kind() != Value::Kind::string) return misuse(value);
      const bool reads = micro[0].text() == "r";
      if (!reads && micro[0].text() != (lists_ ? "append" : "w")) return misuse(value);
      Key& key = keys[micro[1]];
      // A register that this transaction wrote needs no look at what was there.
      key.looks |= lists_ || (reads && !key.writes);
      key.writes |= !reads;
    }
    std::vector<std::string> asked;
    for (const auto& [name, key] : keys)
      if (key.looks) asked.push_back(api_.key(name));
    if (!asked.empty()) {
      const auto found = etcd_read(api_, asked, deadline.left());
      if (!found) return {OpType::fail, value, found.error().message};
      std::size_t at = 0;
      for (auto& [name, key] : keys)
        if (key.looks) {
          key.content = (*found)[at].content;
          key.revision = (*found)[at++].revision;
        }
    }
    std::vector<Value> answers, comparisons, puts;
    for (const Value& micro : value.items()) {
      Key& key = keys[micro[1]];
      if (micro[0].text() == "r") {
        answers.push_back(Value::list({"r", micro[1], key.content}));
        continue;
      }
      key.content = lists_ ? appended(key.content, micro[2]) : micro[2];
      answers.push_back(micro);
    }
    for (const auto& [name, key] : keys) {
      if (key.looks) comparisons.push_back(etcd_unchanged(api_.key(name), key.revision));
      if (key.writes) puts.push_back(etcd_put(api_.key(name), key.content));
    }
    Value answer = Value::list(std::move(answers));
    if (puts.empty()) return {OpType::ok, std::move(answer), nullptr};
    Completion done = etcd_commit(api_, std::move(comparisons), std::move(puts), answer,
                                  "a key had changed since it was read", deadline.left());
    if (done.type != OpType::ok) done.value = value;
    return done;
  }

 private:
  struct Key {
    bool looks = false, writes = false;
    Value content;
    std::int64_t revision = 0;
  };

  static Completion misuse(const Value& value) { return {OpType::fail, value, "etcd client: not such a transaction"}; }
  static Value appended(const Value& list, const Value& element) {
    std::vector<Value> items;
    if (list.is_list()) items.assign(list.items().begin(), list.items().end());
    items.push_back(element);
    return Value::list(std::move(items));
  }

  EtcdApi& api_;
  const bool lists_;
};

}  // namespace

std::unique_ptr<EtcdObject> etcd_registers(EtcdApi& api) {
  return std::make_unique<EtcdRegisters>(api);
}
std::unique_ptr<EtcdObject> etcd_transactions(EtcdApi& api, bool lists) {
  return std::make_unique<EtcdTransactions>(api, lists);
}

}  // namespace shaketable
