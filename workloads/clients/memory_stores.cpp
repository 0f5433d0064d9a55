// Those with keys: registers, transactions, logs, locks.

#include <algorithm>
#include <optional>
#include <string>

#include "workloads/clients/memory_object.h"

namespace shaketable {
namespace {

struct Versions {
  Value now, before;  // nil until written
};

class MemoryTransactions final : public MemoryObject {
 public:
  explicit MemoryTransactions(bool lists) : lists_(lists) {}

 private:
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f != "txn" || !value.is_list()) return misuse(value);
    bool writes = false;
    for (const Value& micro : value.items()) {
      if (!micro.is_list() || micro.size() != 3 || micro[0].kind() != Value::Kind::string) return misuse(value);
      if (micro[0].text() == (lists_ ? "append" : "w"))
        writes = true;
      else if (micro[0].text() != "r")
        return misuse(value);
    }
    const bool stale = writes ? session.strikes("lost-update") : session.strikes("stale-read");
    const bool torn = !writes && session.strikes("torn-read");
    std::map<Value, Value> own;  // what this transaction sees: what it found, then what it wrote
    std::vector<Value> answers;
    for (const Value& micro : value.items()) {
      const Value& key = micro[1];
      auto mine = own.find(key);
      if (mine == own.end()) {
        const Versions& found = versions_[key];
        const bool old = stale || (torn && session.random.chance(0.5));
        mine = own.emplace(key, old ? found.before : found.now).first;
      }
      if (micro[0].text() == "r") {
        answers.push_back(Value::list({"r", key, mine->second}));
        continue;
      }
      mine->second = lists_ ? appended(mine->second, micro[2]) : micro[2];
      answers.push_back(micro);
    }
    if (writes)
      for (auto& [key, mine] : own) {
        Versions& of_key = versions_[key];
        if (of_key.now == mine) continue;
        of_key.before = std::move(of_key.now);
        of_key.now = std::move(mine);
      }
    if (writes && session.strikes("dirty-abort")) return refused(value, "planted: aborted, and yet its writes stay");
    return ok(Value::list(std::move(answers)));
  }

  static Value appended(const Value& list, const Value& element) {
    std::vector<Value> items;
    if (list.is_list()) items.assign(list.items().begin(), list.items().end());
    items.push_back(element);
    return Value::list(std::move(items));
  }

  const bool lists_;
  std::map<Value, Versions> versions_;
};

class MemoryLog final : public MemoryObject {
  static constexpr std::size_t kMostPolled = 32;  // of each log

  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "assign" && value.is_list()) {
      session.assigned.assign(value.items().begin(), value.items().end());
      return ok(value);
    }
    if (f == "send" && value.is_list()) return send(session, value);
    if (f != "poll") return misuse(value);
    if (session.assigned.empty()) return refused(value, "nothing is assigned");
    std::vector<std::pair<Value, Value>> polled;
    for (const Value& key : session.assigned) {
      const std::vector<std::optional<Value>>& log = logs_[key];
      std::size_t& position = session.positions[key];
      std::vector<Value> messages;
      for (; position < log.size() && messages.size() < kMostPolled; ++position)
        if (log[position]) messages.push_back(Value::list({static_cast<std::int64_t>(position), *log[position]}));
      if (!messages.empty()) polled.emplace_back(key, Value::list(std::move(messages)));
    }
    return ok(Value::list({Value::list({"poll", Value::map(std::move(polled))})}));
  }

  Completion send(MemorySession& session, const Value& value) {
    for (const Value& micro : value.items())
      if (!micro.is_list() || micro.size() != 3 || !(micro[0] == Value("send"))) return misuse(value);
    std::vector<Value> answers;
    for (const Value& micro : value.items()) {
      std::vector<std::optional<Value>>& log = logs_[micro[1]];
      if (log.empty() || !session.strikes("reused-offset")) log.emplace_back();
      // A lost message leaves its place empty, as one that was never copied would.
      log.back() = session.strikes("lost-message") ? std::nullopt : std::optional(micro[2]);
      answers.push_back(
          Value::list({"send", micro[1], Value::list({static_cast<std::int64_t>(log.size() - 1), micro[2]})}));
    }
    return ok(Value::list(std::move(answers)));
  }

  std::map<Value, std::vector<std::optional<Value>>> logs_;
};

class MemoryLocks final : public MemoryObject {
 public:
  explicit MemoryLocks(bool fenced) : fenced_(fenced) {}

 private:
  struct Lock {
    std::uint64_t holder = 0;  // 0: nobody
    std::int64_t used = 0;     // the largest token that the resource has seen
  };

  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "acquire") {
      Lock& lock = locks_[value];
      // Leases run out at random, so that there are holders who are late.
      const bool ran_out = fenced_ && session.random.chance(0.2);
      if (lock.holder != 0 && !ran_out && !session.strikes("double-grant"))
        return refused(value, "somebody else holds it");
      lock.holder = session.id;
      if (!session.strikes("repeated-token")) ++last_token_;
      return ok(last_token_);
    }
    if (f == "release") {
      Lock& lock = locks_[value];
      if (lock.holder != session.id) return refused(value, "not held by this client");
      lock.holder = 0;
      return ok(value);
    }
    if (f != "use" || !fenced_ || !value.is_list() || value.size() != 2 || !value[1].is_integer()) return misuse(value);
    Lock& lock = locks_[value[0]];
    if (value[1].integer() < lock.used && !session.strikes("stale-use"))
      return refused(value, "a larger token was used");
    lock.used = std::max(lock.used, value[1].integer());
    return ok(value);
  }

  void forget(const MemorySession& session) override {
    for (auto& [name, lock] : locks_)
      if (lock.holder == session.id) lock.holder = 0;
  }

  const bool fenced_;
  std::map<Value, Lock> locks_;
  std::int64_t last_token_ = 0;
};

}  // namespace

std::unique_ptr<MemoryObject> memory_transactions(bool lists) {
  return std::make_unique<MemoryTransactions>(lists);
}
std::unique_ptr<MemoryObject> memory_log() {
  return std::make_unique<MemoryLog>();
}
std::unique_ptr<MemoryObject> memory_locks(bool fenced) {
  return std::make_unique<MemoryLocks>(fenced);
}

}  // namespace shaketable
