#pragma once
// Search (search.h) over one Space, with configurations of W words.

#include <algorithm>
#include <memory>
#include <optional>

#include "checkers/linearizability/depth_first.h"
#include "checkers/linearizability/frontier.h"
#include "checkers/linearizability/search.h"

namespace shaketable::linearizability {

// Factory: makes the Space<W> of the problem; each of the two searches has its own.
template <class Space, int W, class Factory>
class Searcher final : public Search {
 public:
  Searcher(const Problem& problem, Layout layout, Factory factory, Ledger& ledger)
      : problem_(problem), layout_(std::move(layout)), factory_(std::move(factory)), ledger_(ledger) {
    broad_.emplace(problem_, layout_, factory_, ledger_);
  }

  Outcome run(std::uint64_t quota, std::size_t stop) override {
    if (outcome_ == Outcome::valid && stop > stop_) outcome_ = Outcome::running;
    stop_ = stop;
    std::uint64_t left = quota;
    while (outcome_ == Outcome::running && left > 0) {
      const std::uint64_t slice = std::min(left, slice_);
      left -= slice;
      if (broad_ && !(deep_turn_ && deep_)) {
        run_broad(slice);
      } else {
        run_deep(slice);
      }
      if (broad_ && struggling()) {
        if (!deep_ && !deep_failed_) deep_.emplace(problem_, layout_, factory_, ledger_);
        deep_turn_ = !deep_turn_;
        if (!deep_turn_) slice_ *= 2;
      }
      if (!broad_ && !deep_ && outcome_ == Outcome::running) outcome_ = Outcome::out_of_memory;
    }
    return outcome_;
  }

  std::size_t decided() const override {
    return outcome_ == Outcome::valid ? stop_ : std::max(broad_decided(), deep_decided());
  }
  std::size_t failed() const override { return failed_; }
  std::size_t configurations() const override { return broad_ ? broad_->engine.current().size() : configurations_; }
  std::size_t open() const override { return broad_ ? broad_open() : open_; }

 private:
  template <class Engine>
  struct Part {
    Part(const Problem& problem, const Layout& layout, Factory& factory, Ledger& ledger)
        : space(factory()), engine(problem, layout, space, ledger) {}
    Space space;
    Engine engine;
  };

  static std::size_t open_in(const Config<W>& c) {
    Bits<W> both = c.may;
    for (int i = 0; i < W; ++i) both.words[i] |= c.owed.words[i];
    return static_cast<std::size_t>(both.count());
  }
  std::size_t broad_open() const { return broad_->engine.current().empty() ? 0 : open_in(broad_->engine.current()[0]); }
  std::size_t broad_decided() const { return broad_ ? broad_->engine.window().next() : broad_last_; }
  std::size_t deep_decided() const { return deep_ ? deep_->engine.furthest() : 0; }

  // The depth-first partner costs its share only where the frontier has long stopped being narrow.
  bool struggling() const { return broad_->engine.expanded() > 512 + 8 * broad_->engine.window().next(); }

  void run_broad(std::uint64_t slice) {
    switch (const Outcome outcome = broad_->engine.run(slice, stop_)) {
      case Outcome::running:
        break;
      case Outcome::out_of_memory:
        broad_last_ = broad_decided();
        open_ = broad_open();
        configurations_ = broad_->engine.current().size();
        broad_.reset();
        break;
      case Outcome::invalid:
        failed_ = broad_->engine.window().next();
        [[fallthrough]];
      default:
        outcome_ = outcome;
    }
  }
  void run_deep(std::uint64_t slice) {
    if (!deep_) return;
    switch (const Outcome outcome = deep_->engine.run(slice, stop_)) {
      case Outcome::running:
        break;
      case Outcome::out_of_memory:
        deep_.reset();
        deep_failed_ = true;
        break;
      case Outcome::invalid:
        failed_ = deep_->engine.furthest();
        [[fallthrough]];
      default:
        outcome_ = outcome;
    }
  }

  const Problem& problem_;
  const Layout layout_;
  Factory factory_;
  Ledger& ledger_;
  std::optional<Part<Frontier<Space, W>>> broad_;
  std::optional<Part<DepthFirst<Space, W>>> deep_;
  Outcome outcome_ = Outcome::running;
  std::size_t stop_ = 0, failed_ = 0, broad_last_ = 0, configurations_ = 0, open_ = 0;
  std::uint64_t slice_ = 512;
  bool deep_turn_ = false, deep_failed_ = false;
};

// The frontier up to a few completions before the failure, and from there on every way with its steps written down.
template <class Space, int W>
class Tracer {
 public:
  // `configurations`: how many the frontier may take until the steps begin.
  Tracer(const Problem& problem, const Layout& layout, Space& space, std::size_t failed, std::uint64_t configurations)
      : problem_(problem), layout_(layout), space_(space), failed_(failed), configurations_(configurations) {}

  // `state_of(config)`: the model's state.
  template <class StateOf>
  Trace trace(StateOf&& state_of) {
    Trace result;
    Ledger ledger(budget_);
    Frontier<Space, W> frontier(problem_, layout_, space_, ledger);
    result.from = start();
    if (frontier.run(configurations_, result.from) != Outcome::valid || frontier.current().size() > kNodes)
      return result;
    Window<Space, W> window = frontier.window();
    for (const Config<W>& c : frontier.current()) nodes_.push_back({c, -1, {}});
    std::size_t level = 0;  // nodes_ from here on stand at window.next()
    while (window.next() <= failed_) {
      const Event event = window.event();
      const int slot = window.slot(event);
      if (!event.completion || slot < 0) {
        window.forward();
        if (slot >= 0) invoked(level, slot, window.op_in(slot));
        continue;
      }
      const bool last = window.next() == failed_;
      const std::size_t end = explore(window, level, slot, last, result);
      if (last) {
        for (std::size_t i = level; i < end; ++i) leaf(i, state_of, result);
        break;
      }
      level = end;
      window.forward();
    }
    return result;
  }

 private:
  static constexpr std::size_t kNodes = 20'000;
  static constexpr int kCompletions = 12;

  struct Node {
    Config<W> config;
    std::int32_t parent;
    std::vector<Trace::Step> steps;  // since the parent
  };

  std::size_t start() const {
    int completions = 0;
    std::size_t i = failed_;
    while (i > 0) {
      if (problem_.events[i - 1].completion && ++completions > kCompletions) break;
      --i;
    }
    return i;
  }

  void invoked(std::size_t level, int slot, const Op& op) {
    for (std::size_t i = level; i < nodes_.size(); ++i) {
      space_.invoked(nodes_[i].config, slot, op);
      if (!op.crashed() && !nodes_[i].config.owed.has(slot)) nodes_[i].steps.push_back({index(op), true});
    }
  }
  std::uint32_t index(const Op& op) const { return static_cast<std::uint32_t>(&op - problem_.ops.data()); }

  // Appends to nodes_ the ways on from [level, end); those that got past the completion of x come after the returned
  // index, with x removed. Before the failing completion only ways that can lead past it are of interest; there, all
  // are.
  std::size_t explore(const Window<Space, W>& window, std::size_t level, int x, bool last, Trace& result) {
    const bool pure = space_.pure(window.op_in(x).call);
    std::vector<Node> passed;
    FlatSet<Config<W>> seen, out;
    auto emit = [&](Node node) {
      node.config.owed.clear(x);
      node.config.may.clear(x);
      for (std::size_t i = 0; i < passed.size() && i < 256; ++i)
        if (passed[i].config.dominates(node.config)) return;
      if (out.insert(node.config)) passed.push_back(std::move(node));
    };
    const std::size_t roots = nodes_.size();
    for (std::size_t i = level; i < roots; ++i) seen.insert(nodes_[i].config);
    for (std::size_t i = level; i < nodes_.size(); ++i) {
      if (nodes_.size() + passed.size() > kNodes) {
        result.complete = false;
        break;
      }
      const Config<W> c = nodes_[i].config;
      const auto parent = static_cast<std::int32_t>(i);
      if (!c.owed.has(x)) {
        emit({c, parent, {}});
        if (pure) continue;
      }
      auto go = [&](int slot) {
        Node node{c, parent, {}};
        if (!space_.apply(node.config, slot)) return false;
        describe(window, c, slot, node);
        if (slot == x) {
          emit(std::move(node));
        } else if (seen.insert(node.config)) {
          nodes_.push_back(std::move(node));
        }
        return true;
      };
      if (!pure && c.may.has(x)) go(x);
      for (const int slot : window.changers())
        if (slot != x && c.may.has(slot) && (last || space_.useful(c, slot, x)) && !window.has_better_twin(c, slot))
          go(slot);
    }
    const std::size_t end = nodes_.size();
    for (Node& node : passed) nodes_.push_back(std::move(node));
    return end;
  }

  // The steps that applying `slot` in `before` took: what it hid, itself, and what is settled by the new state.
  void describe(const Window<Space, W>& window, const Config<W>& before, int slot, Node& node) {
    Bits<W> silent = before.owed;
    silent.remove(node.config.owed);
    silent.clear(slot);
    silent.each([&](int other) {
      if (!space_.pure(window.op_in(other).call)) node.steps.push_back({window.op_index(other), true});
    });
    node.steps.push_back({window.op_index(slot), false});
    silent.each([&](int other) {
      if (space_.pure(window.op_in(other).call)) node.steps.push_back({window.op_index(other), true});
    });
  }

  template <class StateOf>
  void leaf(std::size_t i, StateOf&& state_of, Trace& result) {
    ++result.found;
    Trace::Partial partial;
    std::vector<const Node*> path;
    for (std::int64_t n = static_cast<std::int64_t>(i); n >= 0; n = nodes_[static_cast<std::size_t>(n)].parent)
      path.push_back(&nodes_[static_cast<std::size_t>(n)]);
    for (auto node = path.rbegin(); node != path.rend(); ++node)
      partial.steps.insert(partial.steps.end(), (*node)->steps.begin(), (*node)->steps.end());
    // An optional operation that was used after all did not take effect silently before.
    std::vector<Trace::Step> steps;
    for (std::size_t k = 0; k < partial.steps.size(); ++k) {
      bool again = false;
      for (std::size_t m = k + 1; m < partial.steps.size() && !again; ++m)
        again = partial.steps[m].op == partial.steps[k].op;
      if (!again) steps.push_back(partial.steps[k]);
    }
    partial.steps = std::move(steps);
    partial.state = state_of(nodes_[i].config);
    for (Trace::Partial& known : result.partials) {
      if (known.state != partial.state) continue;
      if (known.steps.size() < partial.steps.size()) known = std::move(partial);
      return;
    }
    if (result.partials.size() < Trace::kShown) result.partials.push_back(std::move(partial));
  }

  const Problem& problem_;
  const Layout& layout_;
  Space& space_;
  const std::size_t failed_;
  const std::uint64_t configurations_;
  const Budget budget_{{}, 256u << 20};
  std::vector<Node> nodes_;
};

// Calls visit.template operator()<W>() with the smallest W that holds `width` slots; false when none does.
template <class Visit>
bool with_width(int width, Visit&& visit) {
  if (width <= 64) return visit.template operator()<1>(), true;
  if (width <= 128) return visit.template operator()<2>(), true;
  if (width <= 512) return visit.template operator()<8>(), true;
  if (width <= 4096) return visit.template operator()<64>(), true;
  return false;
}

// For histories with more operations open at once than with_width() has room for.
class TooWide final : public Search {
 public:
  Outcome run(std::uint64_t, std::size_t) override { return Outcome::too_wide; }
  std::size_t decided() const override { return 0; }
  std::size_t failed() const override { return 0; }
  std::size_t configurations() const override { return 0; }
  std::size_t open() const override { return 0; }
};

}  // namespace shaketable::linearizability
