// Weak levels, by the axioms of Biswas & Enea (OOPSLA 2019): a level holds iff a commit order exists that contains the
// order of sessions and who read from whom, and in which, for every read of x from t1, every other writer of x that the
// level makes the reader see comes before t1. Those constraints are found as AWDIT does (Møldrup et al., PLDI 2025); a
// level is broken iff they have a cycle.

#include "checkers/isolation/weak.h"

#include <algorithm>
#include <unordered_map>

#include "base/text.h"

namespace shaketable {
namespace isolation {
namespace {

// Which levels a level implies, directly. All but PRAM want one order of commits for everybody, so that neither of
// causal and PRAM implies the other (Bouajjani et al., POPL 2017, section 3: causal convergence and causal memory).
const std::vector<std::pair<WeakLevel, std::vector<WeakLevel>>>& weaker_levels() {
  using L = WeakLevel;
  static const std::vector<std::pair<L, std::vector<L>>> table = {
      {L::read_committed, {}},
      {L::read_atomic, {L::read_committed}},
      {L::causal,
       {L::read_atomic, L::monotonic_reads, L::monotonic_writes, L::read_your_writes, L::writes_follow_reads}},
      {L::monotonic_reads, {}},
      {L::monotonic_writes, {}},
      {L::read_your_writes, {}},
      {L::writes_follow_reads, {}},
      {L::pram, {}},
      {L::sequential, {L::causal, L::pram}},
  };
  return table;
}

}  // namespace

bool implies(WeakLevel strong, WeakLevel weak) {
  if (strong == weak) return true;
  for (const auto& [level, weaker] : weaker_levels()) {
    if (level == strong)
      return std::any_of(weaker.begin(), weaker.end(), [&](WeakLevel w) { return implies(w, weak); });
  }
  return false;
}

void Weak::find_reads() {
  const std::uint32_t n = txns_.size();
  happened_.assign(n, false);
  std::uint64_t twice = 0;
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    if (writes_.written_twice(k) && twice++ == 0)
      findings_.doubts.push_back("a value was written twice to " + key_text(k) +
                                 ": who wrote what was read there is not known");
  }
  // A key's one value that nobody wrote is its initial one, if nil was never read.
  std::unordered_map<std::uint32_t, std::vector<Code>> unwritten;
  for (const Txn& txn : txns_.all()) {
    for (const Mop& mop : txns_.mops(txn)) {
      if (mop.write || writes_.find(mop.key, mop.value)) continue;
      std::vector<Code>& values = unwritten[mop.key];
      if (std::find(values.begin(), values.end(), mop.value) == values.end()) values.push_back(mop.value);
    }
  }
  read_rows_.assign(n + 1, 0);
  written_rows_.assign(n + 1, 0);
  for (std::uint32_t t = 0; t < n; ++t) {
    const Txn& txn = txns_[t];
    const std::span<const Mop> mops = txns_.mops(txn);
    if (txn.type != OpType::fail) {
      for (std::size_t i = 0; i < mops.size(); ++i) {
        const Mop& mop = mops[i];
        if (writes_.written_twice(mop.key)) continue;
        if (mop.write) {
          written_.push_back(mop.key);
          continue;
        }
        const Mop* own = nullptr;
        for (std::size_t j = i; j-- > 0 && !own;) {
          if (mops[j].write && mops[j].key == mop.key) own = &mops[j];
        }
        if (own) {
          if (own->value != mop.value)
            find_bad("internal", t, mop, " after it had written " + short_text(txns_.value(own->value)));
          continue;
        }
        const Write* write = writes_.find(mop.key, mop.value);
        if (!write) {
          const std::vector<Code>& values = unwritten[mop.key];
          if (mop.value != kNil && values.size() > 1)
            find_bad("garbage-read", t, mop, ", which nobody wrote");
          else
            reads_.push_back({mop.key, initial_});
        } else if (!writes_.alive(*write)) {
          find_bad("G1a", t, mop, " of " + op_text(write->txn) + ", which had failed");
        } else if (write->txn == t) {
          find_bad("future-read", t, mop, " before it wrote that itself");
        } else if (!write->final) {
          find_bad("G1b", t, mop, ", which " + op_text(write->txn) + " wrote before it wrote another");
        } else {
          reads_.push_back({mop.key, write->txn});
          happened_[write->txn] = true;
        }
      }
      happened_[t] = happened_[t] || txn.type == OpType::ok;
    }
    read_rows_[t + 1] = static_cast<std::uint32_t>(reads_.size());
    const auto begin = written_.begin() + written_rows_[t];
    std::sort(begin, written_.end());
    written_.erase(std::unique(begin, written_.end()), written_.end());
    written_rows_[t + 1] = static_cast<std::uint32_t>(written_.size());
  }
}

void Weak::find_sessions() {
  const std::uint32_t n = txns_.size();
  session_.assign(n, kNone);
  index_.assign(n, 0);
  std::vector<std::uint32_t> previous(n, kNone);
  std::vector<bool> followed(n, false);
  for (const auto& [from, to] : txns_.process_order()) {
    if (!happened_[to] || followed[from]) continue;
    followed[from] = true;
    previous[to] = from;
  }
  std::vector<std::uint32_t> next(n, kNone);
  for (std::uint32_t t = 0; t < n; ++t) {
    if (previous[t] != kNone) next[previous[t]] = t;
  }
  for (std::uint32_t t = 0; t < n; ++t) {
    if (!happened_[t] || previous[t] != kNone) continue;
    sessions_.emplace_back();
    for (std::uint32_t at = t; at != kNone; at = next[at]) {
      session_[at] = static_cast<std::uint32_t>(sessions_.size() - 1);
      index_[at] = static_cast<std::uint32_t>(sessions_.back().size());
      sessions_.back().push_back(at);
    }
  }
  writer_rows_.assign(txns_.keys() + 1, 0);
  for (std::uint32_t t = 0; t < n; ++t) {
    if (!happened_[t]) continue;
    for (const std::uint32_t key : written(t)) ++writer_rows_[key + 1];
  }
  for (std::size_t k = 1; k < writer_rows_.size(); ++k) writer_rows_[k] += writer_rows_[k - 1];
  writers_.resize(writer_rows_.back());
  std::vector<std::uint32_t> place(writer_rows_.begin(), writer_rows_.end() - 1);
  for (std::uint32_t s = 0; s < sessions_.size(); ++s) {
    for (const std::uint32_t t : sessions_[s]) {
      for (const std::uint32_t key : written(t)) writers_[place[key]++] = {s, index_[t], t};
    }
  }
}

void Weak::add_sessions() {
  for (const auto& session : sessions_) {
    for (std::size_t i = 1; i < session.size(); ++i) add(session[i - 1], session[i], kProcess);
  }
}

void Weak::add_reads() {
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    for (const Read& read : reads(t)) {
      if (read.from != initial_) add(read.from, t, kWr);
    }
  }
}

std::string Weak::step_text(const Step& step, const std::map<std::uint32_t, std::string>& names) const {
  const std::string from = names.at(step.from), to = names.at(step.to);
  if (step.from == initial_) return from + " comes before " + to;
  if (step.kind & kProcess) return to + " came after " + from + " in its session";
  for (const Inferred& one : inferred_) {
    if (one.from != step.from || one.to != step.to || !(step.kind & (kWw | kRw))) continue;
    const auto found = names.find(one.reader);
    const std::string reader = found != names.end() ? found->second : op_text(one.reader);
    if (step.kind & kRw)
      return to + " wrote " + key_text(one.key) + " after what " + from + " read of it, so after " + from;
    return to + " comes after " + from + ": " + reader + " read " + key_text(one.key) + " of " + to +
           ", and had to see that " + from + " wrote it too";
  }
  return to + " saw what " + from + " had written";
}

const char* Weak::step_type(const Step& step) const {
  if (step.from == initial_) return "initial";
  if (step.kind & kProcess) return "session";
  const bool inferred = std::any_of(inferred_.begin(), inferred_.end(),
                                    [&](const Inferred& one) { return one.from == step.from && one.to == step.to; });
  if (inferred && (step.kind & kRw)) return "rw";
  return inferred && (step.kind & kWw) ? "ww" : "wr";
}

bool Weak::find_cycle(const std::string& name) {
  const Graph graph(nodes_, edges_);
  const auto cyclic = components(graph, UINT8_MAX);
  for (const auto& nodes : cyclic) {
    if (!findings_.count(name)) continue;
    const std::vector<Step> steps = shortest_cycle(graph, nodes, options_.search_steps_max);
    std::map<std::uint32_t, std::string> labels;
    std::string text = "Let:";
    std::vector<Value> path, transactions;
    const auto number = [&](std::uint32_t txn) {
      return txn == initial_ ? Value(-1) : Value(static_cast<std::int64_t>(txns_[txn].event) - 1);
    };
    std::size_t named = 0;
    for (const Step& step : steps) {
      path.push_back(number(step.from));
      if (labels.contains(step.from)) continue;
      if (step.from == initial_) {
        labels.emplace(initial_, "the initial state");
        continue;
      }
      labels.emplace(step.from, "T" + std::to_string(++named));
      text += "\n  " + labels[step.from] + " = " + op_text(step.from);
      transactions.push_back(txns_.details(step.from));
    }
    if (!path.empty()) path.push_back(path.front());
    if (labels.contains(initial_)) transactions.push_back(Value::map({{"op", Value(-1)}, {"value", Value::list({})}}));
    text += "\nThen:";
    std::vector<Value> reasons;
    for (const Step& step : steps) {
      const std::string reason = step_text(step, labels);
      text += "\n  " + reason + (&step == &steps.back() ? "." : ",");
      reasons.push_back(Value::map({{"type", Value(step_type(step))}, {"text", reason}}));
    }
    findings_.add_example(name, std::move(text),
                          with_picture(Value::map({{"cycle", Value::list(std::move(path))},
                                                   {"steps", Value::list(std::move(reasons))},
                                                   {"transactions", Value::list(std::move(transactions))}})));
  }
  return !cyclic.empty();
}

Verdict Weak::check(WeakLevel level) {
  const std::string name(to_string(level));
  find_reads();
  find_sessions();
  switch (level) {
    case WeakLevel::read_committed:
    case WeakLevel::read_atomic:
    case WeakLevel::causal:
      add_sessions();
      add_reads();
      if (level == WeakLevel::read_committed) read_committed();
      if (level == WeakLevel::read_atomic) read_atomic();
      if (level == WeakLevel::causal) causal();
      find_cycle(name + "-violation");
      break;
    case WeakLevel::pram:
      pram();
      break;
    case WeakLevel::sequential:
      sequential();
      break;
    default:
      add_reads();
      if (level == WeakLevel::monotonic_reads) monotonic_reads();
      if (level == WeakLevel::monotonic_writes) monotonic_writes();
      if (level == WeakLevel::read_your_writes) read_your_writes();
      if (level == WeakLevel::writes_follow_reads) writes_follow_reads();
      find_cycle(name + "-violation");
  }
  Verdict verdict;
  verdict.checker = name;
  verdict.operations = txns_.size();
  verdict.anomalies = findings_.examples();
  std::vector<std::pair<Value, Value>> counts;
  std::vector<std::string> bad;
  for (const auto& [anomaly, count] : findings_.counts()) {
    counts.emplace_back(Value(anomaly), Value(static_cast<std::int64_t>(count)));
    bad.push_back(anomaly);
  }
  if (!bad.empty()) {
    verdict.valid = Validity::invalid;
    verdict.reason = join(bad) + (bad.size() == 1 ? " was" : " were") + " found";
    verdict.not_models = {name};
    for (const auto& [other, _] : weaker_levels()) {
      if (other != level && implies(other, level)) verdict.also_not.emplace_back(to_string(other));
    }
    verdict.explanation = "The history is not " + name + ".\n";
    for (const std::string& anomaly : bad)
      verdict.explanation += "\n" + anomaly + "\n" + verdict.anomalies[anomaly].front().text + "\n";
  } else if (!findings_.doubts.empty()) {
    verdict.valid = Validity::unknown;
    verdict.reason = join(findings_.doubts, "; ");
  } else if (reads_.empty()) {
    verdict.valid = Validity::unknown;
    verdict.reason = "nothing was read: too little happened to judge";
  } else {
    verdict.valid = Validity::valid;
  }
  std::vector<Value> notes;
  for (const std::string& note : txns_.notes()) notes.emplace_back(note);
  verdict.details = Value::map({{"counts", Value::map(std::move(counts))},
                                {"notes", Value::list(std::move(notes))},
                                {"sessions", Value(static_cast<std::int64_t>(sessions_.size()))}});
  return verdict;
}

}  // namespace isolation
}  // namespace shaketable
