#include "workloads/generator_spec.h"

#include <map>

#include "workloads/value_drawer.h"

namespace shaketable {
namespace {

using Spec = std::shared_ptr<const GeneratorSpec>;

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
      case GeneratorSpec::Kind::limit:
        return limit(spec->count, inner());
      case GeneratorSpec::Kind::time_limit:
        return time_limit(spec->time.low, inner());
      case GeneratorSpec::Kind::stagger:
        return stagger(1e9 / static_cast<double>(spec->time.low.count()), inner());
      case GeneratorSpec::Kind::delay:
        return delay(spec->time.low, inner());
      case GeneratorSpec::Kind::sleep:
        return sleep_for(spec->time);
      case GeneratorSpec::Kind::each_worker:
        return each_worker([maker = *this, part = part_of(spec, 0), scope](std::size_t) {
          return maker.make(part, scope.with_names_of_its_own());
        });
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
        return until_first_ok(inner(), spec->time.low);
      case GeneratorSpec::Kind::until_answer:
        return until_answer(spec->value.literal, static_cast<int>(spec->count), static_cast<int>(spec->keys), inner());
      case GeneratorSpec::Kind::per_key:
        return per_key(
            static_cast<std::size_t>(spec->keys), spec->count,
            [maker = *this, part = part_of(spec, 0)](std::int64_t) { return maker.make(part, DrawScope()); }, keys_,
            KeyPicker(spec->distribution, spec->skew));
      case GeneratorSpec::Kind::every_key:
        return every_key(spec, scope);
      case GeneratorSpec::Kind::transactions:
        return transactions(spec->transactions, keys_);
    }
    return nullptr;
  }

 private:
  static GeneratorPtr operation(const GeneratorSpec& spec, const DrawScope& scope) {
    return repeat(
        [f = Name(spec.f), drawer = ValueDrawer(spec.value), scope = DrawScope(scope)](Context& context) mutable {
          return Invocation{f, drawer.draw(scope, context.random)};
        });
  }

  std::vector<GeneratorPtr> parts(const Spec& spec, const DrawScope& scope) const {
    std::vector<GeneratorPtr> made;
    for (std::size_t i = 0; i < spec->parts.size(); ++i) made.push_back(make(part_of(spec, i), scope));
    return made;
  }

  GeneratorPtr every_key(const Spec& spec, const DrawScope& scope) const {
    return until_ok(
        [spec, scope = scope.with_names_of_its_own(), keys = keys_]() mutable {
          std::vector<Invocation> list;
          ValueDrawer drawer(spec->value);
          Random unused(0);  // the reader lets nothing in that draws
          for (std::int64_t key = 0; key < keys->used; ++key) {
            scope.name("key", key);
            list.push_back({Name(spec->f), drawer.draw(scope, unused)});
          }
          return list;
        },
        static_cast<int>(spec->count), spec->time.low);
  }

  std::shared_ptr<KeyCount> keys_;
};

}  // namespace

GeneratorPtr make_generator(std::shared_ptr<const GeneratorSpec> spec, std::shared_ptr<KeyCount> keys) {
  return Maker(std::move(keys)).make(spec, DrawScope());
}

}  // namespace shaketable
