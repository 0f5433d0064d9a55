#include "checkers/linearizability/table_space.h"

namespace shaketable::linearizability {

namespace {

struct CallHash {
  std::size_t operator()(const Call& call) const {
    std::uint64_t h = (static_cast<std::uint64_t>(static_cast<std::uint32_t>(call.a)) << 32) ^
                      static_cast<std::uint32_t>(call.b) ^ (static_cast<std::uint64_t>(call.f) << 24);
    h = (h ^ (h >> 32)) * 0xd6e8feb86659fd93ull;
    return h ^ (h >> 32);
  }
};

std::size_t memo_hash(std::int32_t state, std::int32_t call) {
  std::uint64_t h =
      (static_cast<std::uint64_t>(static_cast<std::uint32_t>(state)) << 32) | static_cast<std::uint32_t>(call);
  h = (h ^ (h >> 32)) * 0x9e3779b97f4a7c15ull;
  return h ^ (h >> 29);
}

}  // namespace

std::size_t StepTable::StateHash::operator()(const State& state) const {
  std::uint64_t h = state.size() * 0x9e3779b97f4a7c15ull;
  for (const std::int32_t word : state) {
    h = (h ^ static_cast<std::uint32_t>(word)) * 0xff51afd7ed558ccdull;
    h ^= h >> 32;
  }
  return h;
}

StepTable::StepTable(const Problem& problem, const Model& model, const Interner& values)
    : problem_(problem), model_(model), values_(values) {
  std::unordered_map<Call, std::int32_t, CallHash> ids;
  call_of_.reserve(problem.ops.size());
  for (const Op& op : problem.ops) {
    if (op.dropped) {
      call_of_.push_back(-1);
      continue;
    }
    const auto [entry, fresh] = ids.emplace(op.call, static_cast<std::int32_t>(calls_.size()));
    if (fresh) calls_.push_back(op.call);
    call_of_.push_back(entry->second);
  }
}

std::int32_t StepTable::state_id(const State& state) {
  const auto [entry, fresh] = ids_.emplace(state, static_cast<std::int32_t>(states_.size()));
  if (fresh) {
    states_.push_back(&entry->first);
    bytes_ += sizeof(State) + 48 + state.size() * sizeof(std::int32_t);
  }
  return entry->second;
}

std::int32_t StepTable::step(std::int32_t state, std::int32_t call) {
  if (memo_.size() < 2 * (memo_used_ + 1)) grow();
  const std::size_t mask = memo_.size() - 1;
  std::size_t i = memo_hash(state, call) & mask;
  for (; memo_[i].state >= 0; i = (i + 1) & mask)
    if (memo_[i].state == state && memo_[i].call == call) return memo_[i].after;
  scratch_.clear();
  const std::int32_t after = model_.step(*states_[state], calls_[call], values_, scratch_) ? state_id(scratch_) : -1;
  memo_[i] = {state, call, after};
  ++memo_used_;
  return after;
}

void StepTable::grow() {
  std::vector<Memo> old(std::bit_ceil(std::max<std::size_t>(256, 4 * memo_used_)));
  old.swap(memo_);
  const std::size_t mask = memo_.size() - 1;
  for (const Memo& entry : old) {
    if (entry.state < 0) continue;
    std::size_t i = memo_hash(entry.state, entry.call) & mask;
    while (memo_[i].state >= 0) i = (i + 1) & mask;
    memo_[i] = entry;
  }
}

}  // namespace shaketable::linearizability
