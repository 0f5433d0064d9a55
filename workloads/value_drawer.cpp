#include "workloads/value_drawer.h"

#include <algorithm>
#include <iterator>

namespace shaketable {

struct DrawnNames {
  std::map<std::string, Value> values;
  std::shared_ptr<const DrawnNames> outer;  // null: the whole generator's
  std::shared_ptr<WorkerScopes> workers;    // of a worker: it and the others
};

DrawScope::DrawScope()
    : counters_(std::make_shared<std::map<std::string, std::int64_t>>()), names_(std::make_shared<DrawnNames>()) {}

DrawScope DrawScope::inside() const {
  DrawScope scope;
  scope.counters_ = counters_;
  scope.names_->outer = names_;
  return scope;
}

DrawScope DrawScope::of_key() const {
  DrawScope scope;
  scope.names_->outer = names_;
  return scope;
}

DrawScope DrawScope::of_worker(const std::shared_ptr<WorkerScopes>& workers, std::size_t worker) const {
  DrawScope scope = inside();
  scope.names_->workers = workers;
  (*workers)[worker] = scope.names_;
  return scope;
}

void DrawScope::name(const std::string& name, Value value) const {
  names_->values[name] = std::move(value);
}

Value DrawScope::named(const std::string& name) const {
  for (const DrawnNames* names = names_.get(); names; names = names->outer.get())
    if (const auto found = names->values.find(name); found != names->values.end()) return found->second;
  return {};
}

Value DrawScope::named_by_any_worker(const std::string& name, Random& random) const {
  const DrawnNames* own = names_.get();
  while (own && !own->workers) own = own->outer.get();
  std::vector<Value> all;
  if (own)
    for (const auto& [number, worker] : *own->workers)
      if (const auto names = worker.lock())
        if (const auto found = names->values.find(name); found != names->values.end()) all.push_back(found->second);
  return all.empty() ? Value() : random.pick(all);
}

std::int64_t& DrawScope::counter(const std::string& name, std::int64_t first) const {
  return counters_->try_emplace(name, first - 1).first->second;
}

ValueDrawer::ValueDrawer(ValueSpec spec) : spec_(std::move(spec)), picker_(spec_.distribution, spec_.skew) {
  for (ValueSpec& item : spec_.items) items_.emplace_back(std::move(item));
  spec_.items.clear();
}

Value ValueDrawer::draw(const DrawScope& scope, Random& random) {
  Value value = drawn(scope, random);
  if (!spec_.as.empty()) scope.name(spec_.as, value);
  return value;
}

Value ValueDrawer::drawn(const DrawScope& scope, Random& random) {
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
    case ValueSpec::Kind::below:
      return number_below(scope, random);
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
    case ValueSpec::Kind::variable: {
      Value value = spec_.any_worker ? scope.named_by_any_worker(spec_.name, random) : scope.named(spec_.name);
      return value.is_nil() && !items_.empty() ? items_[0].draw(scope, random) : value;
    }
    case ValueSpec::Kind::one_of:
      return items_[random.below(items_.size())].draw(scope, random);
    case ValueSpec::Kind::some_of:
      return some_of(scope, random);
    case ValueSpec::Kind::list_of:
      return list_of(scope, random);
    case ValueSpec::Kind::for_each:
      return for_each(scope, random);
    case ValueSpec::Kind::range:
      return range(scope, random);
    case ValueSpec::Kind::sum:
    case ValueSpec::Kind::product:
      return folded(scope, random);
    case ValueSpec::Kind::duration:
      return how_many(random);
    case ValueSpec::Kind::checksummed:
      return checksummed_text(random, static_cast<std::uint64_t>(spec_.high));
  }
  return {};
}

Value ValueDrawer::number_below(const DrawScope& scope, Random& random) {
  const Value except = spec_.except.empty() ? Value() : scope.named(spec_.except);
  const auto n = static_cast<std::size_t>(spec_.high);
  if (!except.is_integer() || except.integer() < 0 || except.integer() >= spec_.high || n < 2)
    return static_cast<std::int64_t>(picker_.pick(random, n));
  const auto drawn = static_cast<std::int64_t>(picker_.pick(random, n - 1));
  return drawn >= except.integer() ? drawn + 1 : drawn;
}

// Nothing is drawn where there is no choice.
std::int64_t ValueDrawer::how_many(Random& random) const {
  return spec_.low == spec_.high ? spec_.low : random.between(spec_.low, spec_.high);
}

Value ValueDrawer::some_of(const DrawScope& scope, Random& random) {
  const Value all = items_[0].draw(scope, random);
  if (!all.is_list() || all.size() == 0) return Value::list({});
  std::vector<Value> chosen(all.items().begin(), all.items().end());
  random.shuffle(chosen);
  const auto most = static_cast<std::int64_t>(chosen.size());
  const std::int64_t count = spec_.high == 0 ? random.between(spec_.low, most) : how_many(random);
  chosen.resize(static_cast<std::size_t>(std::min(count, most)));
  return Value::list(std::move(chosen));
}

Value ValueDrawer::list_of(const DrawScope& scope, Random& random) {
  std::vector<Value> list;
  for (std::int64_t left = how_many(random); left > 0; --left) {
    Value value = items_[0].draw(scope, random);
    if (!spec_.distinct || std::find(list.begin(), list.end(), value) == list.end()) list.push_back(std::move(value));
  }
  return Value::list(std::move(list));
}

Value ValueDrawer::for_each(const DrawScope& scope, Random& random) {
  const Value list = items_[0].draw(scope, random);
  std::vector<Value> made;
  if (list.is_list())
    for (const Value& item : list.items()) {
      scope.name(spec_.name, item);
      made.push_back(items_[1].draw(scope, random));
    }
  return Value::list(std::move(made));
}

Value ValueDrawer::range(const DrawScope& scope, Random& random) {
  const Value first = items_.empty() ? Value(0) : items_[0].draw(scope, random);
  std::vector<Value> numbers;
  std::int64_t number = 0;
  for (std::int64_t i = 0; first.is_integer() && i < spec_.high; ++i)
    if (!__builtin_add_overflow(first.integer(), i, &number)) numbers.emplace_back(number);
  return Value::list(std::move(numbers));
}

Value ValueDrawer::folded(const DrawScope& scope, Random& random) {
  const bool adds = spec_.kind == ValueSpec::Kind::sum;
  std::int64_t result = adds ? 0 : 1;
  bool whole = true;
  for (ValueDrawer& item : items_) {  // each is drawn, also behind one that is no number
    const Value value = item.draw(scope, random);
    whole = whole && value.is_integer() &&
            !(adds ? __builtin_add_overflow(result, value.integer(), &result)
                   : __builtin_mul_overflow(result, value.integer(), &result));
  }
  return whole ? Value(result) : Value();
}

bool draws(const ValueSpec& spec) {
  switch (spec.kind) {
    case ValueSpec::Kind::literal:
    case ValueSpec::Kind::list:
    case ValueSpec::Kind::map:
    case ValueSpec::Kind::for_each:
    case ValueSpec::Kind::range:
    case ValueSpec::Kind::sum:
    case ValueSpec::Kind::product:
      return std::any_of(spec.items.begin(), spec.items.end(), draws);
    case ValueSpec::Kind::variable:
      return spec.any_worker || std::any_of(spec.items.begin(), spec.items.end(), draws);
    case ValueSpec::Kind::duration:
      return spec.low != spec.high;
    default:
      return true;
  }
}

bool refers(const ValueSpec& spec) {
  return spec.kind == ValueSpec::Kind::variable || std::any_of(spec.items.begin(), spec.items.end(), refers);
}

Value constant(const ValueSpec& spec) {
  Random unused(0);
  return ValueDrawer(spec).draw(DrawScope(), unused);
}

}  // namespace shaketable
