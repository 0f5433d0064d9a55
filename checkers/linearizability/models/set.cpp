#include <unordered_map>

#include "checkers/linearizability/models/collections.h"
#include "checkers/linearizability/models/models.h"
#include "checkers/linearizability/models/set.h"

namespace shaketable::linearizability {

namespace {

constexpr std::uint8_t kAdd = SetCall::kAdd;
constexpr std::uint8_t kRemove = SetCall::kRemove;
constexpr std::uint8_t kContains = SetCall::kContains;
constexpr std::uint8_t kRead = SetCall::kRead;

class Set final : public Model {
 public:
  Set(bool grows_only, bool nil_says_nothing) : grows_only_(grows_only), nil_says_nothing_(nil_says_nothing) {}

  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    const std::string_view f = op.f.text();
    if (f == "add") return Call{values.id(op.argument), answer(op), kAdd};
    if (f == "remove" && !grows_only_) return Call{values.id(op.argument), answer(op), kRemove};
    if (f == "contains") {
      if (!op.result || answer(op) < 0) {
        if (!op.result || op.result->is_nil()) return std::nullopt;
        return bad_input(fmt::format("contains answers true or false, not {}", to_edn(*op.result)));
      }
      return Call{values.id(op.argument), answer(op), kContains};
    }
    if (f == "read") {
      if (!op.result || (nil_says_nothing_ && op.result->is_nil())) return std::nullopt;
      Value read = *op.result;
      if (read.is_nil()) read = Value::set({});
      if (read.kind() == Value::Kind::list) {
        read = Value::set(std::vector<Value>(read.items().begin(), read.items().end()));
        // What was read twice was not read from a set.
        if (read.size() != op.result->size()) return Call{-1, -1, kRead};
      }
      if (read.kind() != Value::Kind::set)
        return bad_input(fmt::format("read answers a list or a set, not {}", to_edn(*op.result)));
      std::vector<Value> ids;
      for (const Value& item : read.items()) ids.emplace_back(std::int64_t{values.id(item)});
      return Call{values.id(Value::set(std::move(ids))), -1, kRead};
    }
    return bad_input(fmt::format(
        "'{}' is not a function of a {}", f,
        grows_only_ ? "gset, which takes add, contains and read" : "set, which takes add, remove, contains and read"));
  }

  Result<State> initial(const std::optional<Value>& initial, Interner& values) const override {
    auto state = initial_items(initial, values);
    if (state) std::sort(state->begin(), state->end());
    return state;
  }

  bool step(const State& before, const Call& call, const Interner& values, State& after) const override {
    after = before;
    if (call.f == kRead) {
      if (call.a < 0) return false;
      const auto read = values[call.a].items();
      return std::equal(before.begin(), before.end(), read.begin(), read.end(),
                        [](Id id, const Value& item) { return item.integer() == id; });
    }
    const auto place = std::lower_bound(after.begin(), after.end(), call.a);
    const bool there = place != after.end() && *place == call.a;
    if (call.f == kAdd) {
      if (!there) after.insert(place, call.a);
      return call.b < 0 || call.b == !there;
    }
    if (call.f == kRemove && there) after.erase(place);
    return call.b < 0 || call.b == there;
  }

  bool pure(const Call& call) const override {
    return call.f == kContains || call.f == kRead || (call.f != kContains && call.b == 0);
  }
  bool total(const Call& call) const override { return call.f <= kRemove && call.b < 0; }

  std::optional<bool> decide(const Problem& problem, std::size_t end, const Interner& values) const override {
    return growing_set_linearizable(problem, end, values);
  }

  // Without reads of the whole, each value is an object of its own.
  std::vector<Part> split(const Problem& problem, Interner&) const override {
    for (const Op& op : problem.ops)
      if (!op.dropped && op.call.f == kRead) return {};
    std::unordered_map<Id, std::size_t> part_of;
    std::vector<Part> parts;
    std::vector<std::pair<std::size_t, std::uint32_t>> place(problem.ops.size());
    for (std::size_t i = 0; i < problem.ops.size(); ++i) {
      const Op& op = problem.ops[i];
      if (op.dropped) continue;
      const auto [entry, fresh] = part_of.emplace(op.call.a, parts.size());
      if (fresh) {
        Part part;
        part.problem.key = problem.key;
        part.problem.keyed = problem.keyed;
        if (std::binary_search(problem.initial.begin(), problem.initial.end(), op.call.a))
          part.problem.initial = {op.call.a};
        part.model = std::make_unique<Set>(grows_only_, nil_says_nothing_);
        parts.push_back(std::move(part));
      }
      std::vector<Op>& ops = parts[entry->second].problem.ops;
      place[i] = {entry->second, static_cast<std::uint32_t>(ops.size())};
      ops.push_back(op);
    }
    for (const Event e : problem.events)
      parts[place[e.op].first].problem.events.push_back({place[e.op].second, e.completion});
    return parts;
  }

  std::string describe(const Call& call, bool, const Interner& values) const override {
    if (call.f == kRead) {
      if (call.a < 0) return "read → the same value twice";
      State items;
      for (const Value& item : values[call.a].items()) items.push_back(static_cast<Id>(item.integer()));
      return "read → " + describe_items(items, values);
    }
    return fmt::format("{} {}{}",
                       call.f == kAdd      ? "add"
                       : call.f == kRemove ? "remove"
                                           : "contains",
                       to_edn(values[call.a]),
                       call.b < 0 ? ""
                       : call.b   ? " → true"
                                  : " → false");
  }
  std::string describe(const State& state, const Interner& values) const override {
    return "the set holds " + describe_items(state, values);
  }

 private:
  static Id answer(const Invocation& op) {
    if (!op.result) return -1;
    const Value* value = op.result;
    if (value->is_list() && value->size() == 2 && (*value)[0] == op.argument) value = &(*value)[1];
    return value->kind() == Value::Kind::boolean ? value->boolean() : -1;
  }

  bool grows_only_, nil_says_nothing_;
};

}  // namespace

std::unique_ptr<const Model> make_set(const LinearizableOptions& options) {
  return std::make_unique<Set>(false, options.nil_read == LinearizableOptions::any);
}
std::unique_ptr<const Model> make_gset(const LinearizableOptions& options) {
  return std::make_unique<Set>(true, options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability
