// List-append: a read gives the whole list, so the longest list read of a key is the order of its versions (Kingsbury &
// Alvaro, VLDB 2020, section 4).

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "checkers/isolation/isolation.h"
#include "checkers/isolation/judge.h"

namespace shaketable {
namespace isolation {
namespace {

struct Append {
  Code value = 0;
  std::uint32_t txn = 0;
  std::uint32_t place = kNone;  // in the longest list of its key, from 0
  bool final = false;           // its transaction's last append to this key
};

class ListAppend {
 public:
  ListAppend(const Transactions& txns, const IsolationOptions& options)
      : txns_(txns), findings_(options.examples_max), lacking_(txns.keys()) {}

  void index_appends();
  void find_anomalies();
  void build(CycleProblem& problem);
  Reason explain(const Step& step, const std::string& from, const std::string& to) const;
  Findings& findings() { return findings_; }

 private:
  // What is wrong in the longest list of a key: the first places of it.
  struct Lacking {
    std::uint32_t aborted = kNone, garbage = kNone, duplicate = kNone;
    bool appended_twice = false;  // two transactions appended one value: its writer is not known
  };

  std::span<Append> appends(std::uint32_t key) {
    return std::span(appends_).subspan(rows_[key], rows_[key + 1] - rows_[key]);
  }
  std::span<const Append> appends(std::uint32_t key) const {
    return std::span(appends_).subspan(rows_[key], rows_[key + 1] - rows_[key]);
  }
  const Append* find(std::uint32_t key, Code value) const;
  bool alive(const Append* append) const { return append && txns_[append->txn].type != OpType::fail; }
  // Who appended a place of the longest list; nullptr if nobody did.
  const Append* at(std::uint32_t key, std::uint32_t place) const {
    const std::uint32_t index = places_[place_rows_[key] + place];
    return index == kNone ? nullptr : &appends_[index];
  }
  // The last living version at or before a place, the first at or after it; nullptr if none.
  const Append* living_before(std::uint32_t key, std::uint32_t places) const;
  const Append* living_after(std::uint32_t key, std::uint32_t place) const;

  void read_anomalies(std::uint32_t txn, const Mop& read);
  void list_anomalies(std::uint32_t txn, const Mop& read, std::span<const Code> list, bool divergent);
  void internal_anomalies(std::uint32_t txn);
  void version_anomalies(std::uint32_t key);
  void lost_updates();
  std::string key_text(std::uint32_t key) const { return short_text(txns_.key(key)); }
  std::string value_text(Code code) const { return short_text(txns_.value(code)); }
  std::string list_text(std::span<const Code> list) const;
  std::string op_text(std::uint32_t txn) const;
  Value op_details(std::uint32_t txn, const Mop& mop) const;

  const Transactions& txns_;
  Findings findings_;
  std::vector<Lacking> lacking_;
  std::vector<Append> appends_;  // by key, then by value, those that failed after those that did not
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint32_t> places_, place_rows_;  // of each key's longest list: index into appends_
};

void ListAppend::index_appends() {
  const std::uint32_t keys = txns_.keys();
  rows_.assign(keys + 1, 0);
  for (const Mop& mop : txns_.mops()) {
    if (mop.write) ++rows_[mop.key + 1];
  }
  for (std::uint32_t k = 0; k < keys; ++k) rows_[k + 1] += rows_[k];
  appends_.resize(rows_[keys]);
  std::vector<std::uint32_t> next(rows_.begin(), rows_.end() - 1);
  std::vector<std::uint32_t> last(keys, kNone);  // the latest append to the key, as index into appends_
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    for (const Mop& mop : txns_.mops(txns_[t])) {
      if (!mop.write) continue;
      const std::uint32_t slot = next[mop.key]++;
      appends_[slot] = {mop.value, t, kNone, true};
      if (last[mop.key] != kNone && appends_[last[mop.key]].txn == t) appends_[last[mop.key]].final = false;
      last[mop.key] = slot;
    }
  }
  const auto before = [&](const Append& a, const Append& b) {
    if (a.value != b.value) return a.value < b.value;
    return alive(&a) && !alive(&b);
  };
  place_rows_.assign(keys + 1, 0);
  for (std::uint32_t k = 0; k < keys; ++k) {
    const std::span<Append> all = appends(k);
    if (!std::is_sorted(all.begin(), all.end(), before)) std::sort(all.begin(), all.end(), before);
    for (std::size_t i = 1; i < all.size(); ++i)
      lacking_[k].appended_twice |= all[i].value == all[i - 1].value && alive(&all[i]);
    place_rows_[k + 1] = place_rows_[k] + static_cast<std::uint32_t>(txns_.longest(k).size());
  }
  places_.assign(place_rows_[keys], kNone);
  for (std::uint32_t k = 0; k < keys; ++k) {
    const std::span<const Code> longest = txns_.longest(k);
    Lacking& lacking = lacking_[k];
    for (std::uint32_t i = 0; i < longest.size(); ++i) {
      const Append* found = find(k, longest[i]);
      if (!found) {
        lacking.garbage = std::min(lacking.garbage, i);
        continue;
      }
      Append& append = appends_[static_cast<std::size_t>(found - appends_.data())];
      if (append.place != kNone) {  // it stays where it was seen first
        lacking.duplicate = std::min(lacking.duplicate, i);
        continue;
      }
      append.place = i;
      places_[place_rows_[k] + i] = static_cast<std::uint32_t>(found - appends_.data());
      if (!alive(found)) lacking.aborted = std::min(lacking.aborted, i);
    }
  }
  const auto twice = static_cast<std::uint64_t>(
      std::count_if(lacking_.begin(), lacking_.end(), [](const Lacking& l) { return l.appended_twice; }));
  if (twice) {
    const auto first = static_cast<std::uint32_t>(
        std::find_if(lacking_.begin(), lacking_.end(), [](const Lacking& l) { return l.appended_twice; }) -
        lacking_.begin());
    findings_.doubts.push_back("a value was appended twice to " + std::to_string(twice) +
                               (twice == 1 ? " key" : " keys") + " (the first is " + key_text(first) +
                               "): who wrote what was read is not known");
  }
}

const Append* ListAppend::find(std::uint32_t key, Code value) const {
  const std::span<const Append> all = appends(key);
  if (all.empty()) return nullptr;
  // Workloads append 1, 2, 3, ...: then the value says where it is.
  const std::uint64_t guess = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(all[0].value);
  if (guess < all.size() && all[guess].value == value && (guess == 0 || all[guess - 1].value != value))
    return &all[guess];
  const auto found =
      std::lower_bound(all.begin(), all.end(), value, [](const Append& a, Code v) { return a.value < v; });
  return found != all.end() && found->value == value ? &*found : nullptr;
}

const Append* ListAppend::living_before(std::uint32_t key, std::uint32_t places) const {
  while (places > 0) {
    const Append* append = at(key, --places);
    if (alive(append)) return append;
  }
  return nullptr;
}

const Append* ListAppend::living_after(std::uint32_t key, std::uint32_t place) const {
  const auto size = static_cast<std::uint32_t>(txns_.longest(key).size());
  for (; place < size; ++place) {
    const Append* append = at(key, place);
    if (alive(append)) return append;
  }
  return nullptr;
}

std::string ListAppend::list_text(std::span<const Code> list) const {
  std::string text = "[";
  for (const Code code : list) text += (text.size() > 1 ? " " : "") + value_text(code);
  return text + "]";
}

std::string ListAppend::op_text(std::uint32_t txn) const {
  return "operation " + std::to_string(txns_[txn].event - 1) + " " + txns_.text(txn);
}

Value ListAppend::op_details(std::uint32_t txn, const Mop& mop) const {
  return Value::map({{"op", Value(static_cast<std::int64_t>(txns_[txn].event) - 1)},
                     {"key", txns_.key(mop.key)},
                     {"mop", txns_.mop_value(mop)}});
}

void ListAppend::find_anomalies() {
  for (std::uint32_t k = 0; k < txns_.keys(); ++k) {
    if (lacking_[k].aborted != kNone) version_anomalies(k);
  }
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    if (txns_[t].type != OpType::ok) continue;
    for (const Mop& mop : txns_.mops(txns_[t])) {
      if (!mop.write) read_anomalies(t, mop);
    }
    internal_anomalies(t);
  }
  lost_updates();
}

void ListAppend::read_anomalies(std::uint32_t txn, const Mop& read) {
  if (read.length == 0) return;
  if (read.value == 0) {
    // A prefix of the longest list is looked at element by element only where that list has something wrong.
    const Lacking& lacking = lacking_[read.key];
    if (std::min({lacking.aborted, lacking.garbage, lacking.duplicate}) < read.length)
      list_anomalies(txn, read, txns_.list(read), false);
    const Append* last = at(read.key, read.length - 1);
    if (last && !last->final && last->txn != txn && alive(last)) {
      if (findings_.count("G1b"))
        findings_.add_example("G1b",
                              op_text(txn) + " read " + key_text(read.key) + " = " + list_text(txns_.list(read)) +
                                  ", whose last value " + op_text(last->txn) +
                                  " had appended before it appended another",
                              op_details(txn, read));
    }
    return;
  }
  const std::span<const Code> list = txns_.list(read);
  if (findings_.count("incompatible-order"))
    findings_.add_example(
        "incompatible-order",
        op_text(txn) + " read " + key_text(read.key) + " = " + list_text(list) + ", which is not how " +
            list_text(txns_.longest(read.key)) + ", read elsewhere, begins",
        Value::map({{"key", txns_.key(read.key)}, {"op", Value(static_cast<std::int64_t>(txns_[txn].event) - 1)}}));
  list_anomalies(txn, read, list, true);
}

// Element by element.
void ListAppend::list_anomalies(std::uint32_t txn, const Mop& read, std::span<const Code> list, bool divergent) {
  const std::string read_text = op_text(txn) + " read " + key_text(read.key) + " = " + list_text(list);
  bool aborted = false, garbage = false;
  std::vector<Code> sorted(list.begin(), list.end());
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end()) {
    if (findings_.count("duplicate-elements"))
      findings_.add_example("duplicate-elements", read_text + ", with " + value_text(*twice) + " more than once",
                            op_details(txn, read));
  }
  for (const Code value : list) {
    const Append* append = find(read.key, value);
    if (!append) {
      if (!garbage && findings_.count("garbage-read"))
        findings_.add_example("garbage-read", read_text + ", but nobody appended " + value_text(value) + " to it",
                              op_details(txn, read));
      garbage = true;
    } else if (!alive(append)) {
      if (!aborted && findings_.count("G1a"))
        findings_.add_example(
            "G1a", read_text + ", with the " + value_text(value) + " of " + op_text(append->txn) + ", which had failed",
            op_details(txn, read));
      aborted = true;
    }
  }
  if (!divergent) return;
  const Append* last = find(read.key, list.back());
  if (last && !last->final && last->txn != txn && alive(last)) {
    if (findings_.count("G1b"))
      findings_.add_example(
          "G1b", read_text + ", whose last value " + op_text(last->txn) + " had appended before it appended another",
          op_details(txn, read));
  }
}

// What a transaction reads must agree with what it read and appended before; a value it appends only later is a future
// read.
void ListAppend::internal_anomalies(std::uint32_t txn) {
  const std::span<const Mop> mops = txns_.mops(txns_[txn]);
  if (mops.size() < 2) return;
  for (std::size_t i = 0; i < mops.size(); ++i) {
    const Mop& read = mops[i];
    if (read.write) continue;
    // Back to the last read of this key: what was appended since must be the end, and that read the beginning.
    std::vector<Code> own;
    const Mop* previous = nullptr;
    for (std::size_t j = i; j-- > 0 && !previous;) {
      if (mops[j].key != read.key) continue;
      if (mops[j].write)
        own.push_back(mops[j].value);
      else
        previous = &mops[j];
    }
    if (previous && own.empty() && previous->value == read.value && previous->length == read.length && read.value == 0)
      continue;
    if (previous || !own.empty()) {
      const std::span<const Code> list = txns_.list(read);
      bool good = list.size() >= own.size() && std::equal(own.begin(), own.end(), list.rbegin());
      if (good && previous) {
        const std::span<const Code> was = txns_.list(*previous);
        good = was.size() + own.size() == list.size() && std::equal(was.begin(), was.end(), list.begin());
      }
      if (!good && findings_.count("internal")) {
        std::reverse(own.begin(), own.end());
        findings_.add_example(
            "internal",
            op_text(txn) + " read " + key_text(read.key) + " = " + list_text(list) +
                (previous ? " after reading " + list_text(txns_.list(*previous)) : "") +
                (own.empty() ? "" : std::string(previous ? " and" : " after") + " appending " + list_text(own)),
            op_details(txn, read));
      }
    }
    for (std::size_t j = i + 1; j < mops.size(); ++j) {
      if (!mops[j].write || mops[j].key != read.key) continue;
      const std::span<const Code> list = txns_.list(read);
      if (std::find(list.begin(), list.end(), mops[j].value) == list.end()) continue;
      if (findings_.count("future-read"))
        findings_.add_example("future-read",
                              op_text(txn) + " read " + key_text(read.key) + " = " + list_text(list) +
                                  " before it appended " + value_text(mops[j].value) + " itself",
                              op_details(txn, read));
      break;
    }
  }
}

// An ok transaction's version after one of a transaction that failed: it was built on what must not be there.
void ListAppend::version_anomalies(std::uint32_t key) {
  const std::span<const Code> list = txns_.longest(key);
  const Append* aborted = nullptr;
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    const Append* append = at(key, i);
    if (!append) continue;
    if (!alive(append)) {
      if (!aborted) aborted = append;
      continue;
    }
    if (!aborted || txns_[append->txn].type != OpType::ok) continue;
    if (findings_.count("dirty-update"))
      findings_.add_example(
          "dirty-update",
          op_text(append->txn) + " appended " + value_text(append->value) + " to " + key_text(key) + " on top of the " +
              value_text(aborted->value) + " of " + op_text(aborted->txn) + ", which had failed",
          Value::map({{"key", txns_.key(key)},
                      {"values", Value::list({txns_.value(aborted->value), txns_.value(append->value)})}}));
    aborted = nullptr;
  }
}

// Several transactions read one version of a key and appended to it: all but one update did not see another.
void ListAppend::lost_updates() {
  struct Update {
    std::uint32_t key, length, txn;
  };
  std::vector<Update> updates;
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    if (txns_[t].type != OpType::ok) continue;
    const std::span<const Mop> mops = txns_.mops(txns_[t]);
    for (std::size_t i = 0; i < mops.size(); ++i) {
      if (mops[i].write || mops[i].value != 0) continue;
      const auto of_key = [&](const Mop& m) { return m.key == mops[i].key; };
      if (std::any_of(mops.begin(), mops.begin() + static_cast<std::ptrdiff_t>(i), of_key))
        continue;  // not its first sight of the key
      if (std::any_of(mops.begin() + static_cast<std::ptrdiff_t>(i), mops.end(),
                      [&](const Mop& m) { return m.write && of_key(m); }))
        updates.push_back({mops[i].key, mops[i].length, t});
    }
  }
  const auto version = [](const Update& u) { return std::pair(u.key, u.length); };
  std::sort(updates.begin(), updates.end(), [&](const Update& a, const Update& b) {
    return std::pair(version(a), a.txn) < std::pair(version(b), b.txn);
  });
  for (std::size_t i = 0, j; i < updates.size(); i = j) {
    for (j = i + 1; j < updates.size() && version(updates[j]) == version(updates[i]); ++j) {
    }
    if (j - i < 2 || !findings_.count("lost-update")) continue;
    const std::span<const Code> read = txns_.longest(updates[i].key).first(updates[i].length);
    std::string text =
        key_text(updates[i].key) + " was read as " + list_text(read) + " and then appended to by each of:";
    std::vector<Value> ops;
    for (std::size_t u = i; u < j; ++u) {
      if (u - i < 8) text += "\n  " + op_text(updates[u].txn);
      ops.emplace_back(static_cast<std::int64_t>(txns_[updates[u].txn].event) - 1);
    }
    std::vector<Value> value;
    for (const Code code : read) value.push_back(txns_.value(code));
    findings_.add_example("lost-update", std::move(text),
                          Value::map({{"key", txns_.key(updates[i].key)},
                                      {"value", Value::list(std::move(value))},
                                      {"ops", Value::list(std::move(ops))}}));
  }
}

void ListAppend::build(CycleProblem& problem) {
  const std::uint32_t keys = txns_.keys();
  problem.txns = problem.nodes = txns_.size();
  problem.edges.reserve(txns_.mops().size() + txns_.mops().size() / 2);
  const auto edge = [&](std::uint32_t from, std::uint32_t to, std::uint8_t kind) {
    if (from != to) problem.edges.push_back({from, to, kind});
  };
  // Appends that no read has seen come after everything that was seen, if at all.
  std::vector<std::uint32_t> unseen_rows(keys + 1, 0), unseen;
  for (std::uint32_t k = 0; k < keys; ++k) {
    if (!lacking_[k].appended_twice) {
      const auto size = static_cast<std::uint32_t>(txns_.longest(k).size());
      const Append* previous = nullptr;
      for (std::uint32_t i = 0; i < size; ++i) {
        const Append* append = at(k, i);
        if (!alive(append)) continue;
        if (previous) edge(previous->txn, append->txn, kWw);
        previous = append;
      }
      for (const Append& append : appends(k)) {
        if (append.place != kNone || !alive(&append)) continue;
        if (unseen.size() > unseen_rows[k] && unseen.back() == append.txn) continue;
        unseen.push_back(append.txn);
        if (previous) edge(previous->txn, append.txn, kWw);
      }
    }
    unseen_rows[k + 1] = static_cast<std::uint32_t>(unseen.size());
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> readers_of_last;  // (key, transaction), where some are unseen
  for (std::uint32_t t = 0; t < txns_.size(); ++t) {
    if (txns_[t].type != OpType::ok) continue;
    for (const Mop& read : txns_.mops(txns_[t])) {
      if (read.write || lacking_[read.key].appended_twice) continue;
      if (read.value != 0) {
        // An order that contradicts the others says only who wrote what was read.
        const Append* last = find(read.key, txns_.list(read).back());
        if (alive(last)) edge(last->txn, t, kWr);
        continue;
      }
      if (const Append* last = living_before(read.key, read.length)) edge(last->txn, t, kWr);
      if (const Append* next = living_after(read.key, read.length)) {
        edge(t, next->txn, kRw);
      } else {
        if (unseen_rows[read.key + 1] > unseen_rows[read.key]) readers_of_last.emplace_back(read.key, t);
      }
    }
  }
  std::sort(readers_of_last.begin(), readers_of_last.end());
  for (std::size_t i = 0, j; i < readers_of_last.size(); i = j) {
    const std::uint32_t key = readers_of_last[i].first;
    std::vector<std::uint32_t> readers;
    for (j = i; j < readers_of_last.size() && readers_of_last[j].first == key; ++j)
      readers.push_back(readers_of_last[j].second);
    add_fan(problem, std::move(readers), {unseen.begin() + unseen_rows[key], unseen.begin() + unseen_rows[key + 1]},
            kRw, kWw | kRw);
  }
}

Reason ListAppend::explain(const Step& step, const std::string& from, const std::string& to) const {
  const auto details = [&](std::uint32_t key, Value value, Value next) {
    return std::vector<std::pair<Value, Value>>{
        {"key", txns_.key(key)}, {"value", std::move(value)}, {"value'", std::move(next)}};
  };
  const auto last_of = [&](std::span<const Code> list) { return list.empty() ? Value() : txns_.value(list.back()); };
  if ((step.kind & kWw) && !(step.kind & kRw)) {
    for (const Mop& write : txns_.mops(txns_[step.to])) {
      if (!write.write) continue;
      const Append* append = find(write.key, write.value);
      if (!append || append->txn != step.to) continue;
      const auto seen = static_cast<std::uint32_t>(txns_.longest(write.key).size());
      const Append* previous = living_before(write.key, append->place == kNone ? seen : append->place);
      if (!previous || previous->txn != step.from) continue;
      const std::string what = to + " appended " + value_text(write.value) + " to " + key_text(write.key);
      return {what + " after " + from + " had appended " + value_text(previous->value) +
                  (append->place == kNone ? " (the last that any read saw)" : ""),
              details(write.key, txns_.value(previous->value), txns_.value(write.value))};
    }
  }
  if (step.kind & kWr) {
    for (const Mop& read : txns_.mops(txns_[step.to])) {
      if (read.write || read.length == 0) continue;
      const Append* last =
          read.value == 0 ? living_before(read.key, read.length) : find(read.key, txns_.list(read).back());
      if (!last || last->txn != step.from) continue;
      return {to + " read " + key_text(read.key) + " = " + list_text(txns_.list(read)) + " after " + from +
                  " had appended " + value_text(last->value),
              {{"key", txns_.key(read.key)}, {"value", txns_.value(last->value)}}};
    }
  }
  if (step.kind & kRw) {
    for (const Mop& read : txns_.mops(txns_[step.from])) {
      if (read.write || read.value != 0) continue;
      const Append* next = living_after(read.key, read.length);
      const auto sentence = [&](Code value, const char* more) {
        return Reason{to + " appended " + value_text(value) + " to " + key_text(read.key) + " after " + from +
                          " had read " + key_text(read.key) + " = " + list_text(txns_.list(read)) + more,
                      details(read.key, last_of(txns_.list(read)), txns_.value(value))};
      };
      if (next) {
        if (next->txn == step.to) return sentence(next->value, "");
        continue;
      }
      for (const Mop& write : txns_.mops(txns_[step.to])) {
        if (!write.write || write.key != read.key) continue;
        const Append* append = find(write.key, write.value);
        if (append && append->txn == step.to && append->place == kNone)
          return sentence(write.value, ", which is all that any read saw");
      }
    }
  }
  return {from + " comes before " + to, {}};
}

class ListAppendChecker final : public IsolationChecker {
 public:
  explicit ListAppendChecker(IsolationOptions options)
      : options_(std::move(options)), txns_(Workload::list_append, options_.memory_bytes) {}

  Result<void> take(Operation operation) override { return txns_.take(operation); }

  Result<Verdict> finish(const Budget& budget, Pool*) override {
    if (auto known = validate(options_); !known) return Failure(known.error());
    txns_.end();
    if (txns_.full()) return too_large("list-append", txns_, options_);
    ListAppend lists(txns_, options_);
    lists.index_appends();
    lists.find_anomalies();
    const Scope scope = scope_of(options_);
    CycleReport report;
    bool empty = false;
    {
      CycleProblem problem;
      lists.build(problem);
      add_orders(problem, txns_, scope);
      problem.steps_max = options_.search_steps_max;
      problem.examples_max = options_.examples_max;
      problem.held_bytes = txns_.bytes() + cycle_bytes(problem);
      empty = is_empty(problem);
      if (std::string why = too_large(problem, txns_, budget); !why.empty())
        lists.findings().doubts.push_back(std::move(why));
      else
        report = find_cycles(problem, budget);
    }
    add_cycles(lists.findings(), report, txns_, [&](const Step& step, const std::string& from, const std::string& to) {
      return lists.explain(step, from, to);
    });
    return judge("list-append", options_, txns_, lists.findings(), report, empty);
  }

 private:
  IsolationOptions options_;
  Transactions txns_;
};

}  // namespace
}  // namespace isolation

std::unique_ptr<IsolationChecker> make_list_append_checker(IsolationOptions options) {
  return std::make_unique<isolation::ListAppendChecker>(std::move(options));
}

Result<Verdict> check_list_append(const History& history, const IsolationOptions& options, const Budget& budget,
                                  Pool* pool) {
  const std::unique_ptr<IsolationChecker> checker = make_list_append_checker(options);
  for (const Operation& operation : history.operations) {
    if (auto taken = checker->take(operation); !taken) return Failure(taken.error());
  }
  return checker->finish(budget, pool);
}

}  // namespace shaketable
