#include "checkers/linearizability/models/collections.h"
#include "checkers/linearizability/models/models.h"

namespace shaketable::linearizability {

namespace {

constexpr std::uint8_t kAppend = 0;  // a: the value, b: the position it got, -1: not known
constexpr std::uint8_t kRead = 1;    // a: the id of the list read
constexpr std::uint8_t kGet = 2;     // a: the value, nil: none yet, b: the position

class Log final : public Model {
 public:
  explicit Log(bool nil_says_nothing) : nil_says_nothing_(nil_says_nothing) {}

  Result<std::optional<Call>> encode(const Invocation& op, Interner& values) const override {
    const std::string_view f = op.f.text();
    if (f == "append") {
      Call call{values.id(op.argument), -1, kAppend};
      if (op.result && op.result->is_list() && op.result->size() == 2 && (*op.result)[0] == op.argument) {
        const auto place = position((*op.result)[1]);
        if (!place) return Failure(place.error());
        call.b = *place;
      }
      return call;
    }
    if (f == "get") {
      const auto place = position(op.argument);
      if (!place) return Failure(place.error());
      if (!op.result || (nil_says_nothing_ && op.result->is_nil())) return std::nullopt;
      return Call{values.id(*op.result), *place, kGet};
    }
    if (f == "read") {
      if (!op.result || (nil_says_nothing_ && op.result->is_nil())) return std::nullopt;
      if (!op.result->is_list() && !op.result->is_nil())
        return bad_input(fmt::format("read answers the list of all entries, not {}", to_edn(*op.result)));
      std::vector<Value> ids;
      if (op.result->is_list())
        for (const Value& item : op.result->items()) ids.emplace_back(std::int64_t{values.id(item)});
      return Call{values.id(Value::list(std::move(ids))), -1, kRead};
    }
    return bad_input(fmt::format("'{}' is not a function of a log, which takes append, get and read", f));
  }

  Result<State> initial(const std::optional<Value>& initial, Interner& values) const override {
    return initial_items(initial, values);
  }

  bool step(const State& before, const Call& call, const Interner& values, State& after) const override {
    after = before;
    switch (call.f) {
      case kAppend:
        after.push_back(call.a);
        return call.b < 0 || static_cast<std::size_t>(call.b) == before.size();
      case kGet: {
        const auto place = static_cast<std::size_t>(call.b);
        return (place < before.size() ? before[place] : Interner::kNil) == call.a;
      }
      default: {
        const auto read = values[call.a].items();
        return std::equal(before.begin(), before.end(), read.begin(), read.end(),
                          [](Id id, const Value& item) { return item.integer() == id; });
      }
    }
  }

  bool pure(const Call& call) const override { return call.f != kAppend; }
  bool total(const Call& call) const override { return call.f == kAppend && call.b < 0; }

  std::string describe(const Call& call, bool, const Interner& values) const override {
    switch (call.f) {
      case kAppend:
        return fmt::format("append {}{}", to_edn(values[call.a]), call.b < 0 ? "" : fmt::format(" → at {}", call.b));
      case kGet:
        return fmt::format("get {} → {}", call.b, to_edn(values[call.a]));
      default: {
        State items;
        for (const Value& item : values[call.a].items()) items.push_back(static_cast<Id>(item.integer()));
        return "read → " + describe_items(items, values);
      }
    }
  }
  std::string describe(const State& state, const Interner& values) const override {
    return "the log holds " + describe_items(state, values);
  }

 private:
  static Result<Id> position(const Value& value) {
    if (!value.is_integer() || value.integer() < 0 || value.integer() > INT32_MAX)
      return bad_input(fmt::format("expected a position from 0, not {}", to_edn(value)));
    return static_cast<Id>(value.integer());
  }

  bool nil_says_nothing_;
};

}  // namespace

std::unique_ptr<const Model> make_log(const LinearizableOptions& options) {
  return std::make_unique<Log>(options.nil_read == LinearizableOptions::any);
}

}  // namespace shaketable::linearizability
