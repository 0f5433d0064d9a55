#include "tests/checkers/linearizability/brute_force.h"

#include <map>
#include <set>

#include "history/text.h"

namespace shaketable::brute {

namespace {

struct Attempt {
  std::string_view f;
  Value argument;
  std::optional<Value> result;
  std::size_t invoke, complete = SIZE_MAX;
};

std::vector<Attempt> attempts(const History& history, std::size_t end, bool nil_says_nothing) {
  std::vector<Attempt> all;
  std::map<std::int64_t, std::size_t> open;
  std::vector<bool> drop;
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& op = history.operations[i];
    if (op.type == OpType::invoke) {
      if (i >= end) continue;
      open[op.process] = all.size();
      all.push_back({op.f.text(), op.value, std::nullopt, i});
      drop.push_back(false);
      continue;
    }
    const auto it = open.find(op.process);
    if (it == open.end()) continue;
    // How it ended is known beforehand, even where it has not ended yet.
    if (op.type == OpType::fail) drop[it->second] = true;
    if (op.type == OpType::ok) {
      all[it->second].result = op.value;
      if (i < end) all[it->second].complete = i;
      if (nil_says_nothing && op.f.text() == "read" && op.value.is_nil()) drop[it->second] = true;
    }
    open.erase(it);
  }
  std::vector<Attempt> kept;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (!drop[i]) kept.push_back(all[i]);
  return kept;
}

class Try {
 public:
  Try(std::vector<Attempt> ops, const Object& object) : ops_(std::move(ops)), object_(object) {}
  bool linearizable() { return go(0, object_.initial); }

 private:
  bool go(std::uint32_t done, const Value& state) {
    std::size_t limit = SIZE_MAX;
    bool all = true;
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      if (done >> i & 1 || ops_[i].complete == SIZE_MAX) continue;
      all = false;
      limit = std::min(limit, ops_[i].complete);
    }
    if (all) return true;
    if (!tried_.insert({done, state}).second) return false;
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      if (done >> i & 1 || ops_[i].invoke > limit) continue;
      const Attempt& op = ops_[i];
      for (const Value& after : object_.step(state, op.f, op.argument, op.result ? &*op.result : nullptr))
        if (go(done | 1u << i, after)) return true;
    }
    return false;
  }

  std::vector<Attempt> ops_;
  const Object& object_;
  std::set<std::pair<std::uint32_t, Value>> tried_;
};

}  // namespace

std::optional<std::size_t> first_failure(const History& history, const Object& object) {
  const bool any = object.options.nil_read == LinearizableOptions::any;
  if (Try(attempts(history, history.operations.size(), any), object).linearizable()) return std::nullopt;
  for (std::size_t i = 0; i < history.operations.size(); ++i)
    if (history.operations[i].type == OpType::ok && !Try(attempts(history, i + 1, any), object).linearizable())
      return i;
  return std::nullopt;
}

History random_history(const Object& object, Random& random) {
  struct Open {
    std::int64_t process;
    std::string f;
    Value argument, result;
    bool effected = false, possible = false;
  };
  History history;
  std::vector<Open> open;
  const int wanted = static_cast<int>(random.between(2, object.operations_max));
  const auto processes = static_cast<std::size_t>(random.between(2, 5));
  const double crash = random.chance(0.5) ? 0.2 : 0.0, lie = random.pick(std::vector<double>{0, 0.05, 0.3});
  std::int64_t next_process = 0;
  std::vector<std::int64_t> idle;
  while (idle.size() < processes) idle.push_back(next_process++);
  Value state = object.initial;
  auto event = [&](OpType type, const Open& op, Value value) {
    Operation operation;
    operation.process = op.process;
    operation.type = type;
    operation.f = Name(op.f);
    operation.value = std::move(value);
    history.operations.push_back(std::move(operation));
  };
  int started = 0;
  while (started < wanted || !open.empty()) {
    const std::uint64_t what = random.below(3);
    if (what == 0 && started < wanted && !idle.empty()) {
      Open op;
      const std::size_t k = random.below(idle.size());
      op.process = idle[k];
      idle.erase(idle.begin() + static_cast<std::ptrdiff_t>(k));
      std::tie(op.f, op.argument) = object.invoke(random);
      event(OpType::invoke, op, op.argument);
      open.push_back(std::move(op));
      ++started;
    } else if (!open.empty()) {
      const std::size_t k = random.below(open.size());
      Open& op = open[k];
      if (!op.effected && (what == 1 || random.chance(0.9))) {
        op.effected = true;
        auto answers = object.results(op.f, op.argument);
        random.shuffle(answers);
        for (const Value& answer : answers) {
          const auto after = object.step(state, op.f, op.argument, &answer);
          if (after.empty()) continue;
          state = random.pick(after);
          op.result = answer;
          op.possible = true;
          break;
        }
        continue;
      }
      if (random.chance(lie)) {
        op.result = random.pick(object.results(op.f, op.argument));
        op.possible = true;
      }
      if (random.chance(crash)) {
        if (random.chance(0.5)) event(OpType::info, op, op.argument);
        idle.push_back(next_process++);
      } else if (op.effected && op.possible) {
        event(OpType::ok, op, op.result);
        idle.push_back(op.process);
      } else if (op.effected) {
        event(OpType::fail, op, op.argument);
        idle.push_back(op.process);
      } else {
        continue;
      }
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }
  return history;
}

std::string to_text(const History& history) {
  std::string text;
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& op = history.operations[i];
    text += std::to_string(i) + " " + std::to_string(op.process) + " " + std::string(to_string(op.type)) + " " +
            std::string(op.f.text()) + " " + to_edn(op.value) + "\n";
  }
  return text;
}

}  // namespace shaketable::brute
