// The smallest generators, and the one that lifts them to many keys.

#include <map>

#include "workloads/wrapper.h"

namespace shaketable {
namespace {

class Repeat final : public Generator {
 public:
  explicit Repeat(std::function<Invocation(Context&)> make) : make_(std::move(make)) {}
  Turn next(Context& context) override { return Turn::operation(make_(context)); }

 private:
  std::function<Invocation(Context&)> make_;
};

class Sequence final : public Generator {
 public:
  explicit Sequence(std::vector<Invocation> invocations) : invocations_(std::move(invocations)) {}
  Turn next(Context&) override {
    if (at_ == invocations_.size()) return Turn::exhausted();
    return Turn::operation(invocations_[at_++]);
  }

 private:
  std::vector<Invocation> invocations_;
  std::size_t at_ = 0;
};

class Limit final : public Wrapper {
 public:
  Limit(std::uint64_t operations, GeneratorPtr inner) : Wrapper(std::move(inner)), left_(operations) {}
  Turn next(Context& context) override {
    if (left_ == 0) return Turn::exhausted();
    Turn turn = inner_->next(context);
    if (turn.kind == Turn::Kind::operation) --left_;
    return turn;
  }

 private:
  std::uint64_t left_;
};

class PerKey final : public Generator {
 public:
  PerKey(std::size_t active, std::uint64_t operations_per_key, std::function<GeneratorPtr(std::int64_t)> make,
         std::shared_ptr<KeyCount> count, KeyPicker picker, bool tuples)
      : tuples_(tuples),
        operations_per_key_(operations_per_key),
        make_(std::move(make)),
        count_(std::move(count)),
        picker_(std::move(picker)),
        keys_(active) {
    for (Key& key : keys_) renew(key);
    wants_ = !keys_.empty() && keys_.front().generator->wants_completions();
  }

  Turn next(Context& context) override {
    // A key whose generator has nothing more gives way to a new one; several new ones in a row without anything would
    // be a generator that never has anything.
    for (int attempt = 0; attempt < 8; ++attempt) {
      Key& key = keys_[picker_.pick(context.random, keys_.size())];
      Turn turn = key.generator->next(context);
      if (turn.kind == Turn::Kind::wait) return turn;
      if (turn.kind == Turn::Kind::exhausted) {
        renew(key);
        continue;
      }
      const std::int64_t number = key.number;
      if (wants_) asked_[context.worker] = key.generator;
      if (--key.left == 0) renew(key);
      if (tuples_) turn.invocation.value = Value::list({number, std::move(turn.invocation.value)});
      return turn;
    }
    return Turn::exhausted();
  }

  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    const auto found = asked_.find(context.worker);
    if (found == asked_.end()) return;
    const std::shared_ptr<Generator> generator = std::move(found->second);
    asked_.erase(found);
    if (!tuples_) return generator->completed(context, invocation, type, value);
    // Without the key, on both sides.
    const auto inner = [](const Value& tuple) { return tuple.is_list() && tuple.size() == 2 ? tuple[1] : tuple; };
    generator->completed(context, {invocation.f, inner(invocation.value)}, type, inner(value));
  }
  bool wants_completions() const override { return wants_; }

 private:
  struct Key {
    std::int64_t number = 0;
    std::uint64_t left = 0;
    std::shared_ptr<Generator> generator;
  };
  void renew(Key& key) {
    key.number = count_->used++;
    key.left = operations_per_key_;
    key.generator = make_(key.number);
  }

  const bool tuples_;
  const std::uint64_t operations_per_key_;
  std::function<GeneratorPtr(std::int64_t)> make_;
  std::shared_ptr<KeyCount> count_;
  KeyPicker picker_;
  std::vector<Key> keys_;
  bool wants_ = false;
  std::map<std::size_t, std::shared_ptr<Generator>> asked_;  // by worker: whose operation it has in flight
};

}  // namespace

GeneratorPtr repeat(std::function<Invocation(Context&)> make) {
  return std::make_unique<Repeat>(std::move(make));
}

GeneratorPtr sequence(std::vector<Invocation> invocations) {
  return std::make_unique<Sequence>(std::move(invocations));
}

GeneratorPtr limit(std::uint64_t operations, GeneratorPtr inner) {
  return std::make_unique<Limit>(operations, std::move(inner));
}

GeneratorPtr per_key(std::size_t active, std::uint64_t operations_per_key,
                     std::function<GeneratorPtr(std::int64_t)> make, std::shared_ptr<KeyCount> count,
                     KeyPicker picker) {
  return std::make_unique<PerKey>(active, operations_per_key, std::move(make), std::move(count), std::move(picker),
                                  true);
}

GeneratorPtr on_keys(std::size_t active, std::uint64_t operations_per_key,
                     std::function<GeneratorPtr(std::int64_t key)> make, std::shared_ptr<KeyCount> count,
                     KeyPicker picker) {
  return std::make_unique<PerKey>(active, operations_per_key, std::move(make), std::move(count), std::move(picker),
                                  false);
}

}  // namespace shaketable
