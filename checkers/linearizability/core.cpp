#include "checkers/linearizability/core.h"

#include <span>
#include <unordered_map>

namespace shaketable::linearizability {

namespace {

// Operations that stay or go together: those on one value, or a take that found nothing.
using Group = std::uint32_t;
constexpr Group kAlways = 0;  // the operation that failed, and what a crash left open

class Narrowing {
 public:
  Narrowing(const Problem& problem, const Model& model, const Interner& values, std::size_t failed)
      : problem_(problem), model_(model), values_(values), failed_(failed), group_of_(problem.ops.size(), kAlways) {
    const Op& x = problem.ops[problem.events[failed].op];
    std::unordered_map<Id, Group> by_value;
    if (x.call.a >= 0) by_value.emplace(x.call.a, kAlways);
    // What was in a collection at first stays there, so what is done with it stays.
    if (!model.is_register())
      for (const Id value : problem.initial) by_value.emplace(value, kAlways);
    for (std::size_t e = 0; e <= failed; ++e) {
      const std::uint32_t op = problem.events[e].op;
      const Call& call = problem.ops[op].call;
      if (problem.events[e].completion || &problem.ops[op] == &x) continue;
      if (call.a < 0) {
        if (!problem.ops[op].crashed()) group_of_[op] = groups_++;
        continue;
      }
      const auto [entry, fresh] = by_value.emplace(call.a, groups_);
      groups_ += fresh;
      group_of_[op] = entry->second;
    }
  }

  Core core() {
    // The latest groups first: most refutations lie close to where they show.
    std::vector<Group> candidates;
    for (Group g = groups_; --g > kAlways;) candidates.push_back(g);
    std::vector<Group> kept = {kAlways};
    if (!fails(restricted(kept))) {
      std::vector<Group> needed = narrow(kept, candidates);
      kept.insert(kept.end(), needed.begin(), needed.end());
    }
    return restricted(kept);
  }

 private:
  // The groups among `candidates` that fail together with `background`, which does not fail alone.
  std::vector<Group> narrow(const std::vector<Group>& background, std::span<const Group> candidates) {
    if (candidates.size() == 1) return {candidates[0]};
    const auto half = candidates.first(candidates.size() / 2), rest = candidates.subspan(candidates.size() / 2);
    std::vector<Group> with_half = background;
    with_half.insert(with_half.end(), half.begin(), half.end());
    std::vector<Group> needed;
    std::vector<Group> with_needed = background;
    if (!fails(restricted(with_half))) {
      needed = narrow(with_half, rest);
      with_needed.insert(with_needed.end(), needed.begin(), needed.end());
      if (fails(restricted(with_needed))) return needed;
    }
    const std::vector<Group> more = narrow(with_needed, half);
    needed.insert(needed.end(), more.begin(), more.end());
    return needed;
  }

  Core restricted(const std::vector<Group>& groups) const {
    std::vector<bool> stays(groups_);
    for (const Group g : groups) stays[g] = true;
    Core core;
    core.problem.key = problem_.key;
    core.problem.keyed = problem_.keyed;
    core.problem.initial = problem_.initial;
    std::unordered_map<std::uint32_t, std::uint32_t> number;
    for (std::size_t e = 0; e <= failed_; ++e) {
      const Event event = problem_.events[e];
      if (!stays[group_of_[event.op]]) continue;
      const auto [entry, fresh] = number.emplace(event.op, static_cast<std::uint32_t>(core.op.size()));
      if (fresh) {
        core.op.push_back(event.op);
        core.problem.ops.push_back(problem_.ops[event.op]);
      }
      core.event.push_back(static_cast<std::uint32_t>(e));
      core.problem.events.push_back({entry->second, event.completion});
    }
    return core;
  }

  bool fails(const Core& core) const {
    return model_.decide(core.problem, core.problem.events.size(), values_) == false;
  }

  const Problem& problem_;
  const Model& model_;
  const Interner& values_;
  const std::size_t failed_;
  std::vector<Group> group_of_;  // by operation
  Group groups_ = 1;
};

}  // namespace

Core core_of(const Problem& problem, const Model& model, const Interner& values, std::size_t failed) {
  return Narrowing(problem, model, values, failed).core();
}

}  // namespace shaketable::linearizability
