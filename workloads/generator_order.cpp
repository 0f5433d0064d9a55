// Generators that say in which order others come: mix, shuffle, any, flip-flop, phases, chain, synchronize, cycle, let.

#include <map>
#include <optional>

#include "workloads/wrapper.h"

namespace shaketable {
namespace {

class Mix final : public Parts {
 public:
  Mix(std::vector<double> weights, std::vector<GeneratorPtr> parts)
      : Parts(std::move(parts)), weights_(std::move(weights)) {}

  Turn next(Context& context) override {
    // Those that would wait are set aside for this question: one that waits must not hold up the others.
    std::vector<bool> aside(parts_.size(), false);
    Nanos soonest = kNever;
    while (true) {
      double total = 0;
      bool any_left = false;
      for (std::size_t i = 0; i < parts_.size(); ++i) {
        if (weights_[i] > 0) any_left = true;
        if (!aside[i]) total += weights_[i];
      }
      if (!(total > 0)) return any_left ? Turn::wait(soonest) : Turn::exhausted();
      double draw = context.random.uniform() * total;
      std::size_t chosen = parts_.size();
      for (std::size_t i = 0; i < parts_.size(); ++i) {
        if (aside[i] || !(weights_[i] > 0)) continue;
        chosen = i;
        if (draw < weights_[i]) break;
        draw -= weights_[i];
      }
      Turn turn = parts_[chosen]->next(context);
      if (turn.kind == Turn::Kind::operation) {
        handed_out(context, chosen);
        return turn;
      }
      if (turn.kind == Turn::Kind::wait) {
        aside[chosen] = true;
        soonest = std::min(soonest, turn.at);
      } else {
        weights_[chosen] = 0;
      }
    }
  }

 private:
  std::vector<double> weights_;  // 0: exhausted
};

// Draws without putting back.
class Shuffle final : public Parts {
 public:
  Shuffle(std::vector<std::uint64_t> left, std::vector<GeneratorPtr> parts)
      : Parts(std::move(parts)), left_(std::move(left)) {}

  Turn next(Context& context) override {
    std::vector<bool> aside(parts_.size(), false);  // as in Mix
    Nanos soonest = kNever;
    bool waiting = false;
    while (true) {
      std::uint64_t total = 0;
      for (std::size_t i = 0; i < parts_.size(); ++i)
        if (!aside[i]) total += left_[i];
      if (total == 0) return waiting ? Turn::wait(soonest) : Turn::exhausted();
      std::uint64_t draw = context.random.below(total);
      std::size_t chosen = 0;
      for (; aside[chosen] || draw >= left_[chosen]; ++chosen)
        if (!aside[chosen]) draw -= left_[chosen];
      Turn turn = parts_[chosen]->next(context);
      if (turn.kind == Turn::Kind::operation) {
        --left_[chosen];
        handed_out(context, chosen);
        return turn;
      }
      if (turn.kind == Turn::Kind::wait) {
        aside[chosen] = waiting = true;
        soonest = std::min(soonest, turn.at);
      } else {
        left_[chosen] = 0;
      }
    }
  }

 private:
  std::vector<std::uint64_t> left_;
};

class Any final : public Parts {
 public:
  explicit Any(std::vector<GeneratorPtr> parts) : Parts(std::move(parts)), held_(parts_.size()), over_(parts_.size()) {}

  Turn next(Context& context) override {
    Nanos soonest = kNever;
    std::size_t first = parts_.size();
    bool waiting = false;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (over_[i]) continue;
      if (!held_[i]) {
        Turn turn = parts_[i]->next(context);
        if (turn.kind == Turn::Kind::exhausted) {
          over_[i] = true;
          continue;
        }
        if (turn.kind == Turn::Kind::wait) {
          waiting = true;
          soonest = std::min(soonest, turn.at);
          continue;
        }
        held_[i] = std::move(turn);
      }
      if (first == parts_.size() || held_[i]->at < held_[first]->at) first = i;
    }
    if (first == parts_.size()) return waiting ? Turn::wait(soonest) : Turn::exhausted();
    Turn turn = std::move(*held_[first]);
    held_[first].reset();
    handed_out(context, first);
    return turn;
  }

 private:
  std::vector<std::optional<Turn>> held_;  // asked for and not handed out: another's came sooner
  std::vector<bool> over_;
};

class FlipFlop final : public Parts {
 public:
  using Parts::Parts;
  Turn next(Context& context) override {
    Turn turn = parts_[at_]->next(context);
    if (turn.kind != Turn::Kind::operation) return turn;
    handed_out(context, at_);
    at_ = (at_ + 1) % parts_.size();
    return turn;
  }

 private:
  std::size_t at_ = 0;
};

// One after the other, with or without a barrier between two.
class InOrder final : public Parts {
 public:
  InOrder(std::vector<GeneratorPtr> parts, bool barrier) : Parts(std::move(parts)), barrier_(barrier) {}
  Turn next(Context& context) override {
    while (at_ < parts_.size()) {
      Turn turn = parts_[at_]->next(context);
      if (turn.kind == Turn::Kind::operation) handed_out(context, at_);
      if (turn.kind != Turn::Kind::exhausted) return turn;
      if (at_ + 1 == parts_.size()) return turn;
      if (barrier_ && context.in_flight > 0) return Turn::wait();
      ++at_;
    }
    return Turn::exhausted();
  }
  bool wants_completions() const override { return barrier_ || Parts::wants_completions(); }

 private:
  const bool barrier_;
  std::size_t at_ = 0;
};

class Synchronize final : public Wrapper {
 public:
  using Wrapper::Wrapper;
  Turn next(Context& context) override {
    if (!passed_ && context.in_flight > 0) return Turn::wait();
    passed_ = true;
    return inner_->next(context);
  }
  bool wants_completions() const override { return true; }

 private:
  bool passed_ = false;
};

class Let final : public Wrapper {
 public:
  Let(std::function<void(Context&)> draw, GeneratorPtr inner) : Wrapper(std::move(inner)), draw_(std::move(draw)) {}
  Turn next(Context& context) override {
    if (draw_) draw_(context);
    draw_ = nullptr;
    return inner_->next(context);
  }

 private:
  std::function<void(Context&)> draw_;  // null: done
};

class Cycle final : public Generator {
 public:
  Cycle(std::function<GeneratorPtr()> make, std::uint64_t times)
      : make_(std::move(make)), left_(times), inner_(make_()), wants_(inner_->wants_completions()) {}

  Turn next(Context& context) override {
    // A second round that has nothing at once would be a round for ever.
    for (int round = 0; round < 2; ++round) {
      Turn turn = inner_->next(context);
      if (turn.kind != Turn::Kind::exhausted) {
        if (turn.kind == Turn::Kind::operation) rounds_[context.worker] = inner_;
        return turn;
      }
      if (left_ > 0 && --left_ == 0) {
        left_ = 1;
        return turn;
      }
      inner_ = make_();
    }
    return Turn::exhausted();
  }
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    // What an earlier round handed out is that round's.
    const auto found = rounds_.find(context.worker);
    if (found == rounds_.end()) return;
    const std::shared_ptr<Generator> round = std::move(found->second);
    rounds_.erase(found);
    round->completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return wants_; }

 private:
  std::function<GeneratorPtr()> make_;
  std::uint64_t left_;  // rounds, this one included; 0: for ever
  std::shared_ptr<Generator> inner_;
  const bool wants_;
  std::map<std::size_t, std::shared_ptr<Generator>> rounds_;
};

}  // namespace

GeneratorPtr mix(std::vector<std::pair<double, GeneratorPtr>> choices) {
  std::vector<double> weights;
  std::vector<GeneratorPtr> parts;
  for (auto& [weight, part] : choices) {
    if (!(weight > 0)) continue;
    weights.push_back(weight);
    parts.push_back(std::move(part));
  }
  return std::make_unique<Mix>(std::move(weights), std::move(parts));
}

GeneratorPtr any(std::vector<GeneratorPtr> parts) {
  return std::make_unique<Any>(std::move(parts));
}

GeneratorPtr flip_flop(std::vector<GeneratorPtr> parts) {
  return std::make_unique<FlipFlop>(std::move(parts));
}

GeneratorPtr phases(std::vector<GeneratorPtr> parts) {
  return std::make_unique<InOrder>(std::move(parts), true);
}

GeneratorPtr chain(std::vector<GeneratorPtr> parts) {
  return std::make_unique<InOrder>(std::move(parts), false);
}

GeneratorPtr synchronize(GeneratorPtr inner) {
  return std::make_unique<Synchronize>(std::move(inner));
}

GeneratorPtr cycle(std::function<GeneratorPtr()> make, std::uint64_t times) {
  return std::make_unique<Cycle>(std::move(make), times);
}

GeneratorPtr shuffle(std::vector<std::pair<std::uint64_t, GeneratorPtr>> parts) {
  std::vector<std::uint64_t> counts;
  std::vector<GeneratorPtr> made;
  for (auto& [count, part] : parts) {
    counts.push_back(count);
    made.push_back(std::move(part));
  }
  return std::make_unique<Shuffle>(std::move(counts), std::move(made));
}

GeneratorPtr let(std::function<void(Context&)> draw, GeneratorPtr inner) {
  return std::make_unique<Let>(std::move(draw), std::move(inner));
}

}  // namespace shaketable
