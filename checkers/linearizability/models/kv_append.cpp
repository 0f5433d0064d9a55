#include <cstring>
#include <map>

#include "checkers/linearizability/models/collections.h"
#include "checkers/linearizability/models/models.h"

namespace shaketable::linearizability {

namespace {

// a: the string; b: the key.
constexpr std::uint8_t kGet = 0;
constexpr std::uint8_t kPut = 1;
constexpr std::uint8_t kAppend = 2;

// The state is the length of the string and its bytes, four to a word.
std::string_view text(const State& state) {
  return {reinterpret_cast<const char*>(state.data() + 1), static_cast<std::size_t>(state[0])};
}
void append(State& state, std::string_view more) {
  const auto length = static_cast<std::size_t>(state[0]);
  state.resize(1 + (length + more.size() + 3) / 4);
  std::memcpy(reinterpret_cast<char*>(state.data() + 1) + length, more.data(), more.size());
  state[0] = static_cast<std::int32_t>(length + more.size());
}

class KvAppend final : public Model {
 public:
  KvAppend(bool keyed, bool nil_says_nothing) : keyed_(keyed), nil_says_nothing_(nil_says_nothing) {}

  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    const std::string_view f = op.f.text();
    if (f != "get" && f != "put" && f != "append")
      return bad_input(fmt::format("'{}' is not a function of kv-append, which takes get, put and append", f));
    if (f == "get" && !op.result) return std::nullopt;
    const Value* value = f == "get" ? op.result : &op.argument;
    Id key = -1;
    if (!keyed_) {
      if (!op.argument.is_list() || op.argument.size() != 2 || !value->is_list() || value->size() != 2)
        return bad_input(
            fmt::format("{} {} [key string], not {}", f, f == "get" ? "answers" : "takes", to_edn(*value)));
      key = values.id(op.argument[0]);
      value = &(*value)[1];
    }
    if (value->is_nil() && f == "get") {
      if (nil_says_nothing_) return std::nullopt;
      return Call{values.id(Value("")), key, kGet};
    }
    if (value->kind() != Value::Kind::string)
      return bad_input(fmt::format("expected a string, not {}", to_edn(*value)));
    return Call{values.id(*value), key, f == "get" ? kGet : f == "put" ? kPut : kAppend};
  }

  // A map of keys to strings, or, when the history is keyed, a string.
  Result<State> initial(const std::optional<Value>& initial, Interner&) const override {
    State state{0};
    if (!initial || initial->is_nil()) return state;
    if (initial->kind() != Value::Kind::string)
      return bad_input(fmt::format("expected a string, the first one of every key, not {}", to_edn(*initial)));
    append(state, initial->text());
    return state;
  }

  bool step(const State& before, const Call& call, const Interner& values, State& after) const override {
    const std::string_view string = values[call.a].text();
    if (call.f == kPut) {
      after.assign(1, 0);
    } else {
      after = before;
      if (call.f == kGet) return text(before) == string;
    }
    append(after, string);
    return true;
  }

  bool pure(const Call& call) const override { return call.f == kGet; }
  bool total(const Call& call) const override { return call.f != kGet; }
  bool overwrites(const Call& call) const override { return call.f == kPut; }

  // The next get to be answered of those invoked later shows how the string goes on: what has been appended by then is
  // the beginning of it. Unless a put comes in between, which then is itself the beginning of what is shown.
  Foresight foresee(const Problem& problem, std::size_t end, const Interner& values) const override {
    struct Put {
      std::uint32_t op;
      std::size_t invoked, completed;
    };
    Foresight foresight;
    std::vector<std::size_t> invoked(problem.ops.size()), completed(problem.ops.size(), SIZE_MAX);
    std::vector<Put> puts;
    std::size_t gets = 0;
    for (std::size_t i = 0; i < problem.events.size(); ++i)
      (problem.events[i].completion ? completed : invoked)[problem.events[i].op] = i;
    for (const Event e : problem.events) {
      const Call& call = problem.ops[e.op].call;
      if (e.completion) continue;
      gets += call.f == kGet;
      if (call.f == kPut) puts.push_back({e.op, invoked[e.op], completed[e.op]});
    }
    // Each place asks all puts; where that is too dear, nothing is foreseen.
    if (puts.size() * problem.events.size() > 50'000'000 || gets == 0) return foresight;
    foresight.at.assign(problem.events.size() + 1, -1);
    std::size_t answer = SIZE_MAX;  // of the next get
    Id value = -1;
    for (std::size_t i = problem.events.size(); i-- > 0;) {
      const Event e = problem.events[i];
      if (!e.completion && problem.ops[e.op].call.f == kGet && completed[e.op] < std::min(end, answer)) {
        answer = completed[e.op];
        value = problem.ops[e.op].call.a;
      }
      if (value < 0) continue;
      Foresight::Goal goal{value, {}};
      bool known = true;
      for (const Put& put : puts) {
        if (put.completed < i || put.invoked > answer ||
            !values[value].text().starts_with(values[problem.ops[put.op].call.a].text()))
          continue;
        if (put.invoked < i)
          goal.escapes.push_back(put.op);
        else
          known = false;
      }
      if (!known) continue;
      if (foresight.goals.empty() || foresight.goals.back().value != value ||
          foresight.goals.back().escapes != goal.escapes)
        foresight.goals.push_back(std::move(goal));
      foresight.at[i] = static_cast<std::int32_t>(foresight.goals.size()) - 1;
    }
    return foresight;
  }
  bool leads_to(const State& state, Id value, const Interner& values) const override {
    return values[value].text().starts_with(text(state));
  }

  std::vector<Part> split(const Problem& problem, Interner&) const override {
    if (keyed_) return {};
    std::map<Id, std::size_t> part_of;
    std::vector<Part> parts;
    std::vector<std::pair<std::size_t, std::uint32_t>> place(problem.ops.size());
    for (std::size_t i = 0; i < problem.ops.size(); ++i) {
      const Op& op = problem.ops[i];
      if (op.dropped) continue;
      const auto [entry, fresh] = part_of.emplace(op.call.b, parts.size());
      if (fresh) {
        parts.emplace_back();
        parts.back().problem.initial = problem.initial;
        parts.back().problem.key = problem.key;
        parts.back().problem.keyed = problem.keyed;
        parts.back().model = std::make_unique<KvAppend>(true, nil_says_nothing_);
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
    const std::string of = call.b < 0 ? "" : to_edn(values[call.b]) + " ";
    switch (call.f) {
      case kGet:
        return fmt::format("get {}→ {}", of, shown(values[call.a].text()));
      case kPut:
        return fmt::format("put {}{}", of, shown(values[call.a].text()));
      default:
        return fmt::format("append {}{}", of, shown(values[call.a].text()));
    }
  }
  std::string describe(const State& state, const Interner&) const override {
    return "the string is " + shown(text(state));
  }

 private:
  // The end of a long string tells most.
  static std::string shown(std::string_view string) {
    constexpr std::size_t kShown = 60;
    if (string.size() <= kShown) return to_edn(Value(string));
    return fmt::format("… {} ({} bytes)", to_edn(Value(string.substr(string.size() - kShown))), string.size());
  }

  bool keyed_, nil_says_nothing_;
};

}  // namespace

std::unique_ptr<const Model> make_kv_append(const LinearizableOptions& options) {
  return std::make_unique<KvAppend>(options.keyed, options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability
