// The small ones: sets, counters, queues, accounts, identifiers.

#include <deque>
#include <set>

#include "workloads/clients/memory_object.h"

namespace shaketable {
namespace {

class MemorySet final : public MemoryObject {
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "read") return ok(Value::list(elements_));
    if (f != "add") return misuse(value);
    if (!session.strikes("lost-add")) elements_.push_back(value);
    return ok(value);
  }
  std::vector<Value> elements_;
};

class MemoryCounter final : public MemoryObject {
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "read") return ok(sum_);
    if (f != "add" || !value.is_integer()) return misuse(value);
    sum_ += session.strikes("lost-add") ? 0 : session.strikes("double-add") ? 2 * value.integer() : value.integer();
    return ok(value);
  }
  std::int64_t sum_ = 0;
};

class MemoryQueue final : public MemoryObject {
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "enqueue") {
      if (!session.strikes("lost-element")) elements_.push_back(value);
      return ok(value);
    }
    if (f == "drain") {
      Value all = Value::list({elements_.begin(), elements_.end()});
      elements_.clear();
      return ok(std::move(all));
    }
    if (f != "dequeue") return misuse(value);
    if (elements_.empty()) return ok(Value());
    Value element = elements_.front();
    if (!session.strikes("repeated-element")) elements_.pop_front();
    return ok(std::move(element));
  }
  std::deque<Value> elements_;
};

class MemoryBank final : public MemoryObject {
 public:
  MemoryBank(std::int64_t accounts, std::int64_t total)
      : balances_(static_cast<std::size_t>(accounts), total / accounts) {}

 private:
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "read") {
      std::vector<std::pair<Value, Value>> all;
      for (std::size_t i = 0; i < balances_.size(); ++i) all.emplace_back(static_cast<std::int64_t>(i), balances_[i]);
      // As if between the two updates of the last transfer.
      if (session.strikes("torn-read") && last_amount_ > 0) all[last_to_].second = balances_[last_to_] - last_amount_;
      return ok(Value::map(std::move(all)));
    }
    if (f != "transfer" || value.kind() != Value::Kind::map) return misuse(value);
    const Value *from = value.find("from"), *to = value.find("to"), *amount = value.find("amount");
    for (const Value* one : {from, to, amount})
      if (!one || !one->is_integer() || one->integer() < 0) return misuse(value);
    const auto n = static_cast<std::int64_t>(balances_.size());
    if (from->integer() >= n || to->integer() >= n) return misuse(value);
    std::int64_t& source = balances_[static_cast<std::size_t>(from->integer())];
    if (source < amount->integer()) return refused(value, "the account does not hold so much");
    source -= amount->integer();
    last_to_ = static_cast<std::size_t>(to->integer());
    last_amount_ = amount->integer();
    balances_[last_to_] += last_amount_;
    return ok(value);
  }
  std::vector<std::int64_t> balances_;
  std::size_t last_to_ = 0;
  std::int64_t last_amount_ = 0;
};

class MemoryIds final : public MemoryObject {
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f != "generate") return misuse(value);
    if (!session.strikes("repeated-id")) ++last_;
    return ok(last_);
  }
  std::int64_t last_ = 0;
};

class MemoryLeader final : public MemoryObject {
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f != "leader") return misuse(value);
    if (term_ == 0 || session.random.chance(0.02)) {
      ++term_;
      leader_ = session.node;
    }
    const bool old = session.strikes("old-term") && term_ > 1, two = session.strikes("two-leaders");
    return ok(Value::map({{"term", old ? term_ - 1 : term_},
                          {"leader", old   ? Value()
                                     : two ? Value(session.node)
                                           : Value(leader_)},
                          {"node", session.node}}));
  }
  std::int64_t term_ = 0;
  std::string leader_;
};

// No lease ever ends, for whoever has one renews it, unless the planted bug ends it.
class MemoryLeases final : public MemoryObject {
  static constexpr std::int64_t kTtlMs = 60'000;
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "grant") {
      leases_.insert(++last_);
      return ok(last_);
    }
    if (f != "renew") return misuse(value);
    if (session.strikes("early-end")) leases_.erase(value);
    return ok(leases_.contains(value) ? Value(kTtlMs) : Value());
  }
  std::set<Value> leases_;
  std::int64_t last_ = 0;
};

class MemoryWatch final : public MemoryObject {
  static constexpr std::size_t kMostTold = 8;
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "write") {
      changes_.push_back(value);
      return ok(static_cast<std::int64_t>(changes_.size()));
    }
    if (f != "watch" || (!value.is_integer() && !value.is_nil())) return misuse(value);
    std::vector<Value> told;
    auto from = static_cast<std::size_t>(value.is_nil() ? 1 : value.integer() + 1);
    if (from > 1 && from <= changes_.size() + 1 && session.strikes("old-event")) told.push_back(event(from - 1));
    if (from < changes_.size() && session.strikes("lost-event")) ++from;
    for (; from <= changes_.size() && told.size() < kMostTold; ++from) told.push_back(event(from));
    return ok(Value::list(std::move(told)));
  }
  // Revisions count from 1.
  Value event(std::size_t revision) const {
    return Value::list({static_cast<std::int64_t>(revision), changes_[revision - 1]});
  }
  std::vector<Value> changes_;
};

class MemoryNumbers final : public MemoryObject {
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "inc") return ok(Value::map({{value, ++numbers_[value]}}));
    if (f != "read" || !value.is_list()) return misuse(value);
    std::vector<std::pair<Value, Value>> all;
    for (const Value& key : value.items()) {
      const std::int64_t now = numbers_[key];
      all.emplace_back(key, now > 0 && session.strikes("stale-read") ? now - 1 : now);
    }
    return ok(Value::map(std::move(all)));
  }
  std::map<Value, std::int64_t> numbers_;
};

class MemoryTables final : public MemoryObject {
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f != "insert" || !value.is_list() || value.size() != 2 || !value[1].is_list() || value[1].size() != 2)
      return misuse(value);
    if (!rows_.insert(value[0]).second && !session.strikes("blind-insert"))
      return refused(value, "there is a row with this key");
    return ok(value);
  }
  std::set<Value> rows_;
};

class MemoryEffects final : public MemoryObject {
  Completion carry_out(MemorySession& session, std::string_view f, const Value& value) override {
    if (f == "read") return ok(Value::list(effects_));
    if (f != "apply") return misuse(value);
    const bool first = applied_.insert(value).second;
    if (first ? !session.strikes("lost-effect") : session.strikes("repeated-effect")) effects_.push_back(value);
    return ok(value);
  }
  std::set<Value> applied_;
  std::vector<Value> effects_;
};

}  // namespace

std::unique_ptr<MemoryObject> memory_set() {
  return std::make_unique<MemorySet>();
}
std::unique_ptr<MemoryObject> memory_counter() {
  return std::make_unique<MemoryCounter>();
}
std::unique_ptr<MemoryObject> memory_queue() {
  return std::make_unique<MemoryQueue>();
}
std::unique_ptr<MemoryObject> memory_bank(const Parameters& workload) {
  return std::make_unique<MemoryBank>(workload.integer("accounts"), workload.integer("total"));
}
std::unique_ptr<MemoryObject> memory_ids() {
  return std::make_unique<MemoryIds>();
}
std::unique_ptr<MemoryObject> memory_leader() {
  return std::make_unique<MemoryLeader>();
}
std::unique_ptr<MemoryObject> memory_leases() {
  return std::make_unique<MemoryLeases>();
}
std::unique_ptr<MemoryObject> memory_watch() {
  return std::make_unique<MemoryWatch>();
}
std::unique_ptr<MemoryObject> memory_numbers() {
  return std::make_unique<MemoryNumbers>();
}
std::unique_ptr<MemoryObject> memory_tables() {
  return std::make_unique<MemoryTables>();
}
std::unique_ptr<MemoryObject> memory_effects() {
  return std::make_unique<MemoryEffects>();
}

}  // namespace shaketable
