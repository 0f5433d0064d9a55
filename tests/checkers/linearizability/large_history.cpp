#include "tests/checkers/linearizability/large_history.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace shaketable::large {

Simulation simulate(Simulated& object, const Load& load) {
  struct Client {
    std::int64_t process = 0;
    std::string f;
    Value argument;
    std::optional<Ending> ending;
    bool busy = false;
  };
  Simulation simulation;
  Random random(load.seed);
  std::vector<Client> clients(load.clients);
  std::int64_t next_process = 0;
  for (Client& c : clients) c.process = next_process++;
  std::size_t started = 0, busy = 0;
  auto event = [&](const Client& c, OpType type, const Value& value) {
    Operation op;
    op.process = c.process;
    op.type = type;
    op.f = Name(c.f);
    op.value = value;
    simulation.history.operations.push_back(std::move(op));
  };
  // Who waits at the end for somebody that will not come stays open.
  std::size_t events = 0, turns = 0;
  while ((started < load.operations || busy > 0) && ++turns < 1000 * clients.size()) {
    if (std::exchange(events, simulation.history.operations.size()) < simulation.history.operations.size()) turns = 0;
    const std::size_t k = random.below(clients.size());
    Client& c = clients[k];
    if (!c.busy) {
      if (started == load.operations) continue;
      ++started;
      ++busy;
      std::tie(c.f, c.argument) = object.invoke(random, k);
      c.busy = true;
      c.ending.reset();
      event(c, OpType::invoke, c.argument);
    } else if (c.ending) {
      event(c, c.ending->type, c.ending->result);
      c.busy = false;
      --busy;
    } else if (random.chance(load.crash)) {
      if (random.chance(0.5)) object.apply(c.f, c.argument, random);
      event(c, OpType::info, c.argument);
      c.busy = false;
      --busy;
      c.process = next_process++;
    } else {
      if (load.wrong && !simulation.went_wrong && started > load.operations / 2) {
        c.ending = object.misbehave(c.f, c.argument, random);
        simulation.went_wrong = c.ending.has_value();
      }
      if (!c.ending) c.ending = object.apply(c.f, c.argument, random);
    }
  }
  return simulation;
}

namespace {

using Invocation = std::pair<std::string, Value>;
using Result = std::optional<Ending>;

LinearizableOptions model(std::string name) {
  LinearizableOptions options;
  options.model = std::move(name);
  return options;
}

Value number(std::int64_t n) {
  return Value(n);
}

class UniqueRegister final : public Simulated {
 public:
  explicit UniqueRegister(Fault fault) : fault_(fault) {}
  LinearizableOptions options() const override { return model("register"); }
  // A write that is lost is noticed if nobody writes before it is looked for: where writes are lost there is one in a
  // hundred operations.
  Invocation invoke(Random& random, std::size_t) override {
    if (fault_ == Fault::lost ? ++invoked_ % 100 == 0 : random.chance(0.4)) return {"write", number(++next_)};
    return {"read", Value()};
  }
  Result apply(const std::string& f, const Value& argument, Random&) override {
    if (f == "read") return Ending{state_};
    past_.push_back(state_);
    state_ = argument;
    return Ending{argument};
  }
  Result misbehave(const std::string& f, const Value& argument, Random&) override {
    if (fault_ == Fault::stale && f == "read" && past_.size() > 200) return Ending{past_[past_.size() - 100]};
    if (fault_ == Fault::lost && f == "write") return Ending{argument};
    return std::nullopt;
  }

 private:
  const Fault fault_;
  std::int64_t invoked_ = 0, next_ = 0;
  Value state_;
  std::vector<Value> past_;
};

// Every value is there once, so of two compare-and-sets from it only one can succeed.
class CasRegister final : public Simulated {
 public:
  LinearizableOptions options() const override { return model("cas-register"); }
  Invocation invoke(Random& random, std::size_t) override {
    if (random.chance(0.5)) return {"read", Value()};
    return {"cas", Value::list({state_, number(++next_)})};
  }
  Result apply(const std::string& f, const Value& argument, Random&) override {
    if (f == "read") return Ending{state_};
    if (!(argument[0] == state_)) return Ending{argument, OpType::fail};
    state_ = argument[1];
    return Ending{argument};
  }
  Result misbehave(const std::string& f, const Value& argument, Random&) override {
    if (f == "cas" && !(argument[0] == state_)) return Ending{argument};
    return std::nullopt;
  }

 private:
  std::int64_t next_ = 0;
  Value state_;
};

class Strings final : public Simulated {
 public:
  LinearizableOptions options() const override { return model("kv-append"); }
  Invocation invoke(Random& random, std::size_t) override {
    const Value key = number(static_cast<std::int64_t>(random.below(20)));
    if (random.chance(0.7)) return {"get", Value::list({key, Value()})};
    const bool put = strings_[key].size() > 300;  // else the strings grow with the history
    return {put ? "put" : "append", Value::list({key, Value("x" + std::to_string(next_++) + "y")})};
  }
  Result apply(const std::string& f, const Value& argument, Random&) override {
    std::string& string = strings_[argument[0]];
    if (f == "get") return Ending{Value::list({argument[0], Value(string)})};
    if (f == "put") string.clear();
    string += argument[1].text();
    return Ending{argument};
  }
  Result misbehave(const std::string& f, const Value& argument, Random&) override {
    if (f == "append" && strings_[argument[0]].size() < 100) return Ending{argument};
    return std::nullopt;
  }

 private:
  std::map<Value, std::string> strings_;
  int next_ = 0;
};

// Every value is added once, and asked for and removed while it is one of the last hundred.
class Set final : public Simulated {
 public:
  explicit Set(Fault fault) : fault_(fault) {}
  LinearizableOptions options() const override { return model("set"); }
  Invocation invoke(Random& random, std::size_t) override {
    if (next_ < 100 || random.chance(0.3)) return {"add", number(++next_)};
    return {random.chance(0.2) ? "remove" : "contains", number(next_ - random.between(0, 100))};
  }
  Result apply(const std::string& f, const Value& argument, Random&) override {
    if (f == "contains") return Ending{there_.contains(argument)};
    if (f == "add") return Ending{there_.insert(argument).second};
    const bool there = there_.erase(argument) > 0;
    if (there) removed_at_[argument] = next_;
    return Ending{there};
  }
  Result misbehave(const std::string& f, const Value& argument, Random&) override {
    if (fault_ == Fault::lost) return f == "add" ? Result(Ending{true}) : std::nullopt;
    const auto removed = removed_at_.find(argument);
    const bool gone = removed != removed_at_.end() && removed->second + 40 < next_;
    if (gone && f == (fault_ == Fault::stale ? "contains" : "remove")) return Ending{true};
    return std::nullopt;
  }

 private:
  const Fault fault_;
  std::int64_t next_ = 0;
  std::set<Value> there_;
  std::map<Value, std::int64_t> removed_at_;  // the newest value at that time
};

class GrowingSet final : public Simulated {
 public:
  LinearizableOptions options() const override { return model("gset"); }
  Invocation invoke(Random& random, std::size_t) override {
    if (random.chance(0.001)) return {"read", Value()};
    return {"add", number(++next_)};
  }
  Result apply(const std::string& f, const Value& argument, Random&) override {
    if (f == "read") return Ending{Value::list(there_)};
    there_.push_back(argument);
    return Ending{argument};
  }
  Result misbehave(const std::string& f, const Value& argument, Random&) override {
    return f == "add" ? Result(Ending{argument}) : std::nullopt;
  }

 private:
  std::int64_t next_ = 0;
  std::vector<Value> there_;
};

// It fills and empties again and again.
class Queue final : public Simulated {
 public:
  Queue(Order order, Fault fault) : order_(order), fault_(fault) {}
  LinearizableOptions options() const override {
    switch (order_) {
      case Order::first_in:
        return model("fifo-queue");
      case Order::any:
        return model("unordered-queue");
      case Order::last_in:
        return model("stack");
      default:
        return model("priority-queue");
    }
  }
  Invocation invoke(Random& random, std::size_t) override {
    const bool filling = ++invoked_ % 4000 < 2000;
    const bool stack = order_ == Order::last_in;
    if (!random.chance(filling ? 0.6 : 0.35)) return {stack ? "pop" : "dequeue", Value()};
    ++next_;
    // All different; for the priority queue in no order.
    return {stack ? "push" : "enqueue", number(order_ == Order::smallest ? next_ * 7919 % 1'000'003 : next_)};
  }
  Result apply(const std::string& f, const Value& argument, Random& random) override {
    if (puts(f)) {
      items_.push_back(argument);
      return Ending{argument};
    }
    if (items_.empty()) return Ending{Value()};
    return take(order_ == Order::first_in  ? 0
                : order_ == Order::any     ? random.below(items_.size())
                : order_ == Order::last_in ? items_.size() - 1
                                           : extreme(true));
  }
  Result misbehave(const std::string& f, const Value& argument, Random&) override {
    if (fault_ == Fault::lost) return puts(f) ? Result(Ending{argument}) : std::nullopt;
    if (puts(f)) return std::nullopt;
    if (fault_ == Fault::twice) return taken_.size() > 200 ? Result(Ending{taken_[taken_.size() - 100]}) : std::nullopt;
    if (items_.size() < 200) return std::nullopt;
    return take(order_ == Order::first_in ? 100 : order_ == Order::last_in ? items_.size() - 100 : extreme(false));
  }

 private:
  static bool puts(const std::string& f) { return f == "enqueue" || f == "push"; }
  std::size_t extreme(bool smallest) const {
    const auto [low, high] = std::minmax_element(items_.begin(), items_.end());
    return static_cast<std::size_t>((smallest ? low : high) - items_.begin());
  }
  Ending take(std::size_t place) {
    taken_.push_back(items_[place]);
    items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(place));
    return Ending{taken_.back()};
  }

  const Order order_;
  const Fault fault_;
  std::int64_t invoked_ = 0, next_ = 0;
  std::vector<Value> items_, taken_;
};

// Everybody acquires and releases in turn.
class FencedMutex final : public Simulated {
 public:
  LinearizableOptions options() const override { return model("fenced-mutex"); }
  Invocation invoke(Random&, std::size_t client) override {
    if (client >= holds_.size()) holds_.resize(client + 1);
    holds_[client] = !holds_[client];
    return {holds_[client] ? "acquire" : "release", Value()};
  }
  Result apply(const std::string& f, const Value&, Random&) override {
    if (f == "acquire" && held_) return std::nullopt;
    held_ = f == "acquire";
    return Ending{held_ ? number(++fence_) : Value()};
  }
  Result misbehave(const std::string& f, const Value&, Random&) override {
    if (f != "acquire" || held_) return std::nullopt;
    held_ = true;
    return Ending{number(fence_)};
  }

 private:
  std::vector<bool> holds_;
  bool held_ = false;
  std::int64_t fence_ = 0;
};

class Counter final : public Simulated {
 public:
  LinearizableOptions options() const override { return model("counter"); }
  Invocation invoke(Random& random, std::size_t) override {
    if (random.chance(0.6)) return {"read", Value()};
    return {"add", number(3)};
  }
  Result apply(const std::string& f, const Value& argument, Random&) override {
    if (f == "read") return Ending{number(count_)};
    count_ += argument.integer();
    return Ending{argument};
  }
  Result misbehave(const std::string& f, const Value& argument, Random&) override {
    return f == "add" ? Result(Ending{argument}) : std::nullopt;
  }

 private:
  std::int64_t count_ = 0;
};

class Log final : public Simulated {
 public:
  LinearizableOptions options() const override { return model("log"); }
  Invocation invoke(Random& random, std::size_t) override {
    if (random.chance(0.5)) return {"get", number(std::max<std::int64_t>(0, size() - random.between(0, 5)))};
    return {"append", number(++next_)};
  }
  Result apply(const std::string& f, const Value& argument, Random&) override {
    if (f == "append") {
      items_.push_back(argument);
      return Ending{Value::list({argument, number(size() - 1)})};
    }
    const std::int64_t place = argument.integer();
    return Ending{place < size() ? items_[static_cast<std::size_t>(place)] : Value()};
  }
  Result misbehave(const std::string& f, const Value& argument, Random&) override {
    return f == "append" && size() > 0 ? Result(Ending{Value::list({argument, number(size() - 1)})}) : std::nullopt;
  }

 private:
  std::int64_t size() const { return static_cast<std::int64_t>(items_.size()); }
  std::int64_t next_ = 0;
  std::vector<Value> items_;
};

}  // namespace

std::unique_ptr<Simulated> unique_register(Fault fault) {
  return std::make_unique<UniqueRegister>(fault);
}
std::unique_ptr<Simulated> cas_register() {
  return std::make_unique<CasRegister>();
}
std::unique_ptr<Simulated> strings() {
  return std::make_unique<Strings>();
}
std::unique_ptr<Simulated> set(Fault fault) {
  return std::make_unique<Set>(fault);
}
std::unique_ptr<Simulated> gset() {
  return std::make_unique<GrowingSet>();
}
std::unique_ptr<Simulated> queue(Order order, Fault fault) {
  return std::make_unique<Queue>(order, fault);
}
std::unique_ptr<Simulated> fenced_mutex() {
  return std::make_unique<FencedMutex>();
}
std::unique_ptr<Simulated> counter() {
  return std::make_unique<Counter>();
}
std::unique_ptr<Simulated> log() {
  return std::make_unique<Log>();
}

}  // namespace shaketable::large
