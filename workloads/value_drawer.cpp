#include "workloads/value_drawer.h"

namespace shaketable {

DrawScope::DrawScope()
    : counters_(std::make_shared<std::map<std::string, std::int64_t>>()),
      names_(std::make_shared<std::map<std::string, Value>>()) {}

DrawScope DrawScope::with_names_of_its_own() const {
  DrawScope scope;
  scope.counters_ = counters_;
  return scope;
}

Value DrawScope::named(const std::string& name) const {
  const auto found = names_->find(name);
  return found == names_->end() ? Value() : found->second;
}

std::int64_t& DrawScope::counter(const std::string& name, std::int64_t first) {
  return counters_->try_emplace(name, first - 1).first->second;
}

ValueDrawer::ValueDrawer(ValueSpec spec) : spec_(std::move(spec)), picker_(spec_.distribution, spec_.skew) {
  for (ValueSpec& item : spec_.items) items_.emplace_back(std::move(item));
  spec_.items.clear();
}

Value ValueDrawer::draw(DrawScope& scope, Random& random) {
  Value value = drawn(scope, random);
  if (!spec_.as.empty()) scope.name(spec_.as, value);
  return value;
}

Value ValueDrawer::drawn(DrawScope& scope, Random& random) {
  switch (spec_.kind) {
    case ValueSpec::Kind::literal:
      return spec_.literal;
    case ValueSpec::Kind::list: {
      std::vector<Value> items;
      for (ValueDrawer& item : items_) items.push_back(item.draw(scope, random));
      return Value::list(std::move(items));
    }
    case ValueSpec::Kind::map: {
      std::vector<std::pair<Value, Value>> entries;
      for (std::size_t i = 0; i < items_.size(); ++i)
        entries.emplace_back(spec_.keys[i], items_[i].draw(scope, random));
      return Value::map(std::move(entries));
    }
    case ValueSpec::Kind::below: {
      const Value except = spec_.except.empty() ? Value() : scope.named(spec_.except);
      const auto n = static_cast<std::size_t>(spec_.high);
      if (!except.is_integer() || except.integer() < 0 || except.integer() >= spec_.high || n < 2)
        return static_cast<std::int64_t>(picker_.pick(random, n));
      const auto drawn = static_cast<std::int64_t>(picker_.pick(random, n - 1));
      return drawn >= except.integer() ? drawn + 1 : drawn;
    }
    case ValueSpec::Kind::between: {
      const std::int64_t number = random.between(spec_.low, spec_.high);
      return spec_.either_sign && random.chance(0.5) ? -number : number;
    }
    case ValueSpec::Kind::next:
      return sized_value(++scope.counter(spec_.name, spec_.low), spec_.bytes);
    case ValueSpec::Kind::recent: {
      const std::int64_t number = scope.counter(spec_.name, spec_.low) -
                                  static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(spec_.high)));
      return number >= spec_.low ? sized_value(number, spec_.bytes) : Value();
    }
    case ValueSpec::Kind::variable:
      return scope.named(spec_.name);
    case ValueSpec::Kind::one_of:
      return items_[random.below(items_.size())].draw(scope, random);
    case ValueSpec::Kind::checksummed:
      return checksummed_text(random, static_cast<std::uint64_t>(spec_.high));
  }
  return {};
}

}  // namespace shaketable
