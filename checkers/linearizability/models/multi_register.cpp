#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "checkers/linearizability/models/models.h"
#include "checkers/linearizability/models/register.h"
#include "checkers/linearizability/register_space.h"
#include "history/text.h"

namespace shaketable::linearizability {

namespace {

// A call is what the transaction read from outside (a) and what it left (b), each the id of a list of key and value ids
// in turn, sorted by key. A transaction that did not even read its own writes cannot happen.
constexpr std::uint8_t kTransaction = 0;
constexpr std::uint8_t kImpossible = 1;
// What split() finds out about a transaction of an object with several keys.
constexpr std::uint8_t kReadsOnly = 2;
constexpr std::uint8_t kWritesOnly = 3;
constexpr std::uint8_t kWritesAll = 4;  // every key of the object, and reads none

// JSON has no keywords, so a key may be a keyword in the history and a string on the command line.
Id key_id(const Value& key, Interner& values) {
  return values.id(key.kind() == Value::Kind::keyword ? Value(key.text()) : key);
}

Id entry_id(std::span<const Value> list, std::size_t i) {
  return static_cast<Id>(list[i].integer());
}

Id list_id(const std::map<Id, Id>& entries, Interner& values) {
  std::vector<Value> items;
  for (const auto& [key, value] : entries) {
    items.emplace_back(std::int64_t{key});
    items.emplace_back(std::int64_t{value});
  }
  return values.id(Value::list(std::move(items)));
}

const Id* find(const State& state, Id key) {
  for (std::size_t i = 0; i < state.size(); i += 2)
    if (state[i] == key) return &state[i + 1];
  return nullptr;
}

// Registers that hold nil are not in the state, so that equal contents are equal states.
void put(State& state, Id key, Id value) {
  std::size_t i = 0;
  while (i < state.size() && state[i] < key) i += 2;
  const bool there = i < state.size() && state[i] == key;
  const auto at = state.begin() + static_cast<std::ptrdiff_t>(i);
  if (value == Interner::kNil) {
    if (there) state.erase(at, at + 2);
  } else if (there) {
    state[i + 1] = value;
  } else {
    state.insert(at, {key, value});
  }
}

// Several registers under one roof. `txn` takes a list of [f key value], f being read (or r) or write (or w), and does
// them in order and atomically; reads see the transaction's own writes. `read` and `write` of [key value] are
// transactions of one. Initially nil each, or what the map given as initial state says.
class MultiRegister final : public Model {
 public:
  explicit MultiRegister(bool nil_says_nothing) : nil_says_nothing_(nil_says_nothing) {}

  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    const std::string_view f = op.f.text();
    std::map<Id, Id> reads, writes;
    bool possible = true;
    auto apply = [&](std::string_view kind, const Value& name, const Value* value) {
      const Id key = key_id(name, values);
      if (kind == "write") {
        writes[key] = values.id(*value);
        return;
      }
      if (!value || (nil_says_nothing_ && value->is_nil())) return;
      const Id id = values.id(*value);
      if (const auto own = writes.find(key); own != writes.end()) {
        possible &= own->second == id;
      } else if (const auto before = reads.emplace(key, id); !before.second) {
        possible &= before.first->second == id;
      }
    };
    if (f == "read" || f == "write") {
      if (!op.argument.is_list() || op.argument.size() != 2)
        return bad_input(fmt::format("{} takes [key value], not {}", f, to_edn(op.argument)));
      const Value* result = op.result && op.result->is_list() && op.result->size() == 2 ? &(*op.result)[1] : nullptr;
      if (f == "read" && op.result && !result)
        return bad_input(fmt::format("read answers [key value], not {}", to_edn(*op.result)));
      apply(f, op.argument[0], f == "write" ? &op.argument[1] : result);
    } else if (f == "txn") {
      if (!op.argument.is_list() || (op.result && (!op.result->is_list() || op.result->size() != op.argument.size())))
        return bad_input(fmt::format("txn takes, and answers, a list of [f key value], not {}",
                                     to_edn(op.result ? *op.result : op.argument)));
      for (std::size_t i = 0; i < op.argument.size(); ++i) {
        const Value& part = op.result ? (*op.result)[i] : op.argument[i];
        const std::string_view kind = part.is_list() && part.size() == 3 ? kind_of(part[0]) : std::string_view();
        if (kind.empty())
          return bad_input(fmt::format("expected [read key value] or [write key value], not {}", to_edn(part)));
        apply(kind, part[1], kind == "write" || op.result ? &part[2] : nullptr);
      }
    } else {
      return bad_input(fmt::format("'{}' is not a function of a multi-register, which takes txn, read and write", f));
    }
    if (reads.empty() && writes.empty() && possible) return std::nullopt;
    return Call{list_id(reads, values), list_id(writes, values), possible ? kTransaction : kImpossible};
  }

  Result<State> initial(const std::optional<Value>& initial, Interner& values) const override {
    State state;
    if (!initial || initial->is_nil()) return state;
    if (initial->kind() != Value::Kind::map)
      return bad_input(fmt::format("expected a map of keys to values, not {}", to_edn(*initial)));
    for (std::size_t i = 0; i < initial->items().size(); i += 2)
      put(state, key_id(initial->items()[i], values), values.id(initial->items()[i + 1]));
    return state;
  }

  bool step(const State& before, const Call& call, const Interner& values, State& after) const override {
    if (call.f == kImpossible) return false;
    const auto reads = values[call.a].items(), writes = values[call.b].items();
    for (std::size_t i = 0; i < reads.size(); i += 2) {
      const Id* held = find(before, entry_id(reads, i));
      if ((held ? *held : Interner::kNil) != entry_id(reads, i + 1)) return false;
    }
    after = before;
    for (std::size_t i = 0; i < writes.size(); i += 2) put(after, entry_id(writes, i), entry_id(writes, i + 1));
    return true;
  }

  std::string describe(const Call& call, bool, const Interner& values) const override {
    std::string text = "txn [";
    const auto reads = values[call.a].items(), writes = values[call.b].items();
    for (std::size_t i = 0; i < reads.size(); i += 2)
      text += fmt::format("{}read {} → {}", text.size() > 5 ? ", " : "", to_edn(values[entry_id(reads, i)]),
                          to_edn(values[entry_id(reads, i + 1)]));
    for (std::size_t i = 0; i < writes.size(); i += 2)
      text += fmt::format("{}write {} {}", text.size() > 5 ? ", " : "", to_edn(values[entry_id(writes, i)]),
                          to_edn(values[entry_id(writes, i + 1)]));
    return text + (call.f == kImpossible ? "] (contradicts itself)" : "]");
  }
  std::string describe(const State& state, const Interner& values) const override {
    if (state.empty()) return "all registers hold nil";
    std::string text = "the registers hold ";
    for (std::size_t i = 0; i < state.size(); i += 2)
      text += fmt::format("{}{} = {}", i ? ", " : "", to_edn(values[state[i]]), to_edn(values[state[i + 1]]));
    return text;
  }

  // Keys that no transaction connects are objects of their own; one key alone is a register, on which reading and
  // writing at once is a compare-and-set.
  std::vector<Part> split(const Problem& problem, Interner& values) const override;

  bool pure(const Call& call) const override { return call.f == kReadsOnly; }
  bool total(const Call& call) const override { return call.f == kWritesOnly || call.f == kWritesAll; }
  bool overwrites(const Call& call) const override { return call.f == kWritesAll; }

 private:
  static std::string_view kind_of(const Value& f) {
    if (f.kind() != Value::Kind::keyword && f.kind() != Value::Kind::string) return {};
    if (f.text() == "read" || f.text() == "r") return "read";
    if (f.text() == "write" || f.text() == "w") return "write";
    return {};
  }

  bool nil_says_nothing_;
};

std::vector<Part> MultiRegister::split(const Problem& problem, Interner& values) const {
  std::map<Id, Id> parent;  // union-find over key ids
  auto root = [&](Id key) {
    parent.emplace(key, key);
    while (parent[key] != key) key = parent[key] = parent[parent[key]];
    return key;
  };
  auto first_key = [&](const Call& call) {
    const auto reads = values[call.a].items(), writes = values[call.b].items();
    return !reads.empty() ? entry_id(reads, 0) : !writes.empty() ? entry_id(writes, 0) : Interner::kNil;
  };
  for (const Op& op : problem.ops) {
    if (op.dropped) continue;
    const Id one = root(first_key(op.call));
    for (const Id list : {op.call.a, op.call.b}) {
      const auto items = values[list].items();
      for (std::size_t i = 0; i < items.size(); i += 2) parent[root(entry_id(items, i))] = root(one);
    }
  }
  std::map<Id, std::vector<Id>> members;
  for (const auto& [key, up] : parent) members[root(key)].push_back(key);

  std::vector<Part> parts;
  std::map<Id, std::size_t> part_of;  // by root
  for (const auto& [top, keys] : members) {
    part_of[top] = parts.size();
    Part part;
    part.problem.key = problem.key;
    part.problem.keyed = problem.keyed;
    if (keys.size() == 1) {
      const Id* held = find(problem.initial, keys[0]);
      part.problem.initial = {held ? *held : Interner::kNil};
      part.model = make_named_register(to_edn(values[keys[0]]));
    } else {
      for (const Id key : keys)
        if (const Id* held = find(problem.initial, key)) put(part.problem.initial, key, *held);
      part.model = std::make_unique<MultiRegister>(nil_says_nothing_);
    }
    parts.push_back(std::move(part));
  }
  const Id contradiction = values.id(Value::keyword("something that it contradicts itself"));
  std::vector<std::pair<std::size_t, std::uint32_t>> place(problem.ops.size());
  for (std::size_t i = 0; i < problem.ops.size(); ++i) {
    Op op = problem.ops[i];
    if (op.dropped) continue;
    const Id top = root(first_key(op.call));
    const std::size_t which = part_of[top];
    Part& part = parts[which];
    const auto reads = values[op.call.a].items(), writes = values[op.call.b].items();
    if (members[top].size() > 1) {
      if (op.call.f == kTransaction && writes.empty()) op.call.f = kReadsOnly;
      if (op.call.f == kTransaction && reads.empty())
        op.call.f = writes.size() == 2 * members[top].size() ? kWritesAll : kWritesOnly;
    } else {
      const Id from = reads.empty() ? -1 : entry_id(reads, 1), to = writes.empty() ? -1 : entry_id(writes, 1);
      if (op.call.f == kImpossible)
        op.call = {contradiction, -1, RegisterCall::kRead};
      else if (from < 0)
        op.call = {to, -1, RegisterCall::kWrite};
      else if (to < 0 || to == from)
        op.call = {from, -1, RegisterCall::kRead};
      else
        op.call = {from, to, RegisterCall::kCas};
    }
    place[i] = {which, static_cast<std::uint32_t>(part.problem.ops.size())};
    part.problem.ops.push_back(op);
  }
  for (const Event e : problem.events) {
    const auto [which, op] = place[e.op];
    parts[which].problem.events.push_back({op, e.completion});
  }
  return parts;
}

}  // namespace

std::unique_ptr<const Model> make_multi_register(const LinearizableOptions& options) {
  return std::make_unique<MultiRegister>(options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability
