#include "workloads/generator_spec.h"

#include <algorithm>

#include "workloads/value_drawer.h"

namespace shaketable {
namespace {

using Spec = std::shared_ptr<const GeneratorSpec>;

constexpr Nanos kLongest = std::chrono::hours(24 * 30);

// The part shares its whole's life.
Spec part_of(const Spec& whole, std::size_t i) {
  return Spec(whole, &whole->parts[i]);
}

class Maker {
 public:
  explicit Maker(std::shared_ptr<KeyCount> keys) : keys_(std::move(keys)) {}

  GeneratorPtr make(const Spec& spec, const DrawScope& scope) const {
    const auto inner = [&] { return make(part_of(spec, 0), scope); };
    switch (spec->kind) {
      case GeneratorSpec::Kind::operation:
        return operation(*spec, scope);
      case GeneratorSpec::Kind::mix: {
        std::vector<std::pair<double, GeneratorPtr>> choices;
        for (std::size_t i = 0; i < spec->parts.size(); ++i)
          choices.emplace_back(spec->weights[i], make(part_of(spec, i), scope));
        return mix(std::move(choices));
      }
      case GeneratorSpec::Kind::any:
        return any(parts(spec, scope));
      case GeneratorSpec::Kind::flip_flop:
        return flip_flop(parts(spec, scope));
      case GeneratorSpec::Kind::phases:
        return phases(parts(spec, scope));
      case GeneratorSpec::Kind::chain:
        return chain(parts(spec, scope));
      case GeneratorSpec::Kind::synchronize:
        return synchronize(inner());
      case GeneratorSpec::Kind::cycle:
        return cycle([maker = *this, part = part_of(spec, 0), scope] { return maker.make(part, scope); }, spec->count);
      case GeneratorSpec::Kind::shuffle: {
        std::vector<std::pair<std::uint64_t, GeneratorPtr>> times;
        for (std::size_t i = 0; i < spec->parts.size(); ++i)
          times.emplace_back(spec->counts[i], make(part_of(spec, i), scope));
        return shuffle(std::move(times));
      }
      case GeneratorSpec::Kind::let:
        return let(named(*spec, scope), inner());
      case GeneratorSpec::Kind::limit:
        return limit(spec->count, inner());
      case GeneratorSpec::Kind::time_limit:
        return time_limit(spec->time, inner());
      case GeneratorSpec::Kind::stagger:
        return stagger(1e9 / static_cast<double>(spec->time.count()), inner());
      case GeneratorSpec::Kind::delay:
        return delay(length(spec->value, scope), inner());
      case GeneratorSpec::Kind::sleep:
        return sleep_for(length(spec->value, scope));
      case GeneratorSpec::Kind::each_worker:
        return each_worker([maker = *this, part = part_of(spec, 0), scope, workers = std::make_shared<WorkerScopes>()](
                               std::size_t worker) { return maker.make(part, scope.of_worker(workers, worker)); });
      case GeneratorSpec::Kind::reserve: {
        std::vector<GeneratorPtr> made = parts(spec, scope);
        GeneratorPtr rest;
        if (spec->has_rest) {
          rest = std::move(made.back());
          made.pop_back();
        }
        std::vector<std::pair<std::size_t, GeneratorPtr>> groups;
        for (std::size_t i = 0; i < made.size(); ++i)
          groups.emplace_back(static_cast<std::size_t>(spec->counts[i]), std::move(made[i]));
        return reserve(std::move(groups), std::move(rest));
      }
      case GeneratorSpec::Kind::process_limit:
        return process_limit(static_cast<std::size_t>(spec->count), inner());
      case GeneratorSpec::Kind::concurrency_limit:
        return concurrency_limit(static_cast<std::size_t>(spec->count), inner());
      case GeneratorSpec::Kind::until_ok:
        return until_first_ok(inner(), spec->time);
      case GeneratorSpec::Kind::until_answer:
        return until_answer(constant(spec->value), static_cast<int>(spec->count), static_cast<int>(spec->keys),
                            inner());
      case GeneratorSpec::Kind::until:
        return until(spec->endings, inner());
      case GeneratorSpec::Kind::retry:
        return retry(static_cast<int>(spec->count), inner());
      case GeneratorSpec::Kind::per_key:
        return on_each_key(spec, scope);
      case GeneratorSpec::Kind::every_key:
        return every_key(spec, scope);
      case GeneratorSpec::Kind::transactions:
        return transactions(spec->transactions, keys_);
    }
    return nullptr;
  }

 private:
  static GeneratorPtr operation(const GeneratorSpec& spec, const DrawScope& scope) {
    GeneratorPtr made = repeat([f = Name(spec.f), drawer = ValueDrawer(spec.value), scope](Context& context) mutable {
      return Invocation{f, drawer.draw(scope, context.random)};
    });
    if (spec.name.empty()) return made;
    return answers([scope, name = spec.name](const Value& answer) { scope.name(name, answer); }, std::move(made));
  }

  static std::function<void(Context&)> named(const GeneratorSpec& spec, const DrawScope& scope) {
    std::vector<std::pair<std::string, ValueDrawer>> drawers;
    for (const auto& [name, value] : spec.names) drawers.emplace_back(name, ValueDrawer(value));
    return [drawers = std::move(drawers), scope](Context& context) mutable {
      for (auto& [name, drawer] : drawers) scope.name(name, drawer.draw(scope, context.random));
    };
  }

  static DrawTime length(const ValueSpec& value, const DrawScope& scope) {
    return [drawer = ValueDrawer(value), scope](Context& context) mutable {
      const Value drawn = drawer.draw(scope, context.random);
      return std::clamp(Nanos(drawn.is_integer() ? drawn.integer() : 0), Nanos(0), kLongest);
    };
  }

  GeneratorPtr on_each_key(const Spec& spec, const DrawScope& scope) const {
    const auto make_one = [maker = *this, part = part_of(spec, 0), name = spec->name, scope](std::int64_t key) {
      const DrawScope own = scope.of_key();
      if (!name.empty()) {
        own.name(name, key);
        scope.name(name, key);  // outside, it is the newest
      }
      return maker.make(part, own);
    };
    return (spec->name.empty() ? per_key : on_keys)(static_cast<std::size_t>(spec->keys), spec->count, make_one, keys_,
                                                    KeyPicker(spec->distribution, spec->skew));
  }

  std::vector<GeneratorPtr> parts(const Spec& spec, const DrawScope& scope) const {
    std::vector<GeneratorPtr> made;
    for (std::size_t i = 0; i < spec->parts.size(); ++i) made.push_back(make(part_of(spec, i), scope));
    return made;
  }

  GeneratorPtr every_key(const Spec& spec, const DrawScope& scope) const {
    return until_ok(
        [spec, own = scope.inside(), count = keys_]() mutable {
          std::vector<Invocation> list;
          ValueDrawer drawer(spec->value);
          Random unused(0);  // the reader lets nothing in that draws
          const auto at_once = static_cast<std::int64_t>(spec->keys);
          for (std::int64_t first = 0; first < count->used; first += at_once) {
            std::vector<Value> keys;
            for (std::int64_t key = first; key < std::min(first + at_once, count->used); ++key) keys.emplace_back(key);
            own.name("key", first);
            own.name("keys", Value::list(std::move(keys)));
            list.push_back({Name(spec->f), drawer.draw(own, unused)});
          }
          return list;
        },
        static_cast<int>(spec->count), spec->time);
  }

  std::shared_ptr<KeyCount> keys_;
};

}  // namespace

GeneratorPtr make_generator(std::shared_ptr<const GeneratorSpec> spec, std::shared_ptr<KeyCount> keys) {
  return Maker(std::move(keys)).make(spec, DrawScope());
}

}  // namespace shaketable
