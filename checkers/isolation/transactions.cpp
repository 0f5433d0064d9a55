#include "checkers/isolation/transactions.h"

#include <algorithm>

#include "history/text.h"

namespace shaketable::isolation {
namespace {

constexpr std::uint32_t kMopsMax = UINT32_MAX - 1;
constexpr std::uint32_t kKeysMax = (1u << 31) - 1;

bool has_text(const Value& value) {
  return value.kind() == Value::Kind::string || value.kind() == Value::Kind::keyword;
}

bool looks_like_txn(const Value& value) {
  return value.is_list() && std::all_of(value.items().begin(), value.items().end(), [](const Value& mop) {
           return mop.is_list() && mop.size() >= 2 && has_text(mop[0]);
         });
}

bool named_txn(const Operation& operation) {
  return operation.f.empty() || operation.f.text() == "txn";
}

// Whether `completed` can be the completion of `invoked`: the same micro-operations, but for what was read.
bool fits(const Value& invoked, const Value& completed) {
  if (!looks_like_txn(invoked) || !looks_like_txn(completed) || invoked.size() != completed.size()) return false;
  for (std::size_t i = 0; i < invoked.size(); ++i) {
    if (invoked[i][0] != completed[i][0] || invoked[i][1] != completed[i][1]) return false;
    const bool read = invoked[i][0].text() == "r";
    if (!read && (invoked[i].size() != completed[i].size() || invoked[i][2] != completed[i][2])) return false;
  }
  return true;
}

}  // namespace

std::uint32_t Interner::id(const Value& value) {
  if (value.is_integer()) {
    const std::int64_t i = value.integer();
    if (i >= 0) {
      const auto slot = static_cast<std::uint64_t>(i);
      if (slot < small_.size() && small_[slot] != kNone) return small_[slot];
      // The table grows only as fast as the ids do, so that one far integer does not fill the memory.
      if (slot < 2 * values_.size() + 4096) {
        if (slot >= small_.size()) small_.resize(std::max<std::size_t>(slot + 1, small_.size() * 2), kNone);
        if (const auto found = others_.find(value); found != others_.end()) return small_[slot] = found->second;
        return small_[slot] = add(value);
      }
    }
  }
  const auto [found, added] = others_.try_emplace(value, kNone);
  if (added) found->second = add(value);
  return found->second;
}

std::uint32_t Interner::add(const Value& value) {
  values_.push_back(value);
  return static_cast<std::uint32_t>(values_.size() - 1);
}

Failure Transactions::malformed(std::uint32_t event, const std::string& what) const {
  return bad_input("operation " + std::to_string(event - 1) + ": " + what);
}

Result<void> Transactions::take(const Operation& operation) {
  if (events_ == UINT32_MAX - 1) return bad_input("more than 4,294,967,294 operations in one history");
  ++events_;
  if (events_ % 256 == 0 && !full_ && bytes() > memory_bytes_) give_up_keeping();
  if (operation.process < 0 || full_) return {};
  const std::uint32_t process = processes_.id(Value(operation.process));
  if (process >= open_.size()) open_.resize(process + 1);
  if (operation.type != OpType::invoke) return complete(operation, process);

  if (!named_txn(operation) && !looks_like_txn(operation.value)) {
    ++foreign_;
    return {};
  }
  Txn txn;
  txn.invoke = txn.event = events_;
  txn.process = process;
  Open open{size(), operation.value};
  txns_.push_back(txn);
  if (open_[process].txn == kNone) {
    open_[process] = std::move(open);
  } else {
    ++overlapping_;
    also_open_[process].push_back(std::move(open));
  }
  return {};
}

// The invocation that `operation` completes. A process that invoked again before its completion cannot be told apart
// from itself: then the invocation whose micro-operations fit is taken, and the earliest invocation's time, which
// claims least.
Transactions::Open Transactions::close(std::uint32_t process, const Operation& operation) {
  Open& first = open_[process];
  const auto more = also_open_.find(process);
  if (more == also_open_.end()) {
    Open open = std::move(first);
    first.txn = kNone;
    return open;
  }
  const std::uint32_t earliest = txns_[first.txn].invoke;
  Open open;
  std::vector<Open>& rest = more->second;
  const auto found =
      fits(first.value, operation.value)
          ? rest.end()
          : std::find_if(rest.begin(), rest.end(), [&](const Open& o) { return fits(o.value, operation.value); });
  if (found == rest.end()) {
    open = std::move(first);
    first = std::move(rest.front());
    rest.erase(rest.begin());
  } else {
    open = std::move(*found);
    rest.erase(found);
  }
  if (rest.empty()) also_open_.erase(more);
  txns_[open.txn].invoke = std::min(txns_[open.txn].invoke, earliest);
  return open;
}

Result<void> Transactions::complete(const Operation& operation, std::uint32_t process) {
  if (!named_txn(operation) && !looks_like_txn(operation.value) && open_[process].txn == kNone) {
    ++foreign_;
    return {};
  }
  Open open = close(process, operation);
  if (open.txn == kNone) {
    ++without_invocation_;
    open.txn = size();
    Txn txn;
    txn.process = process;
    txns_.push_back(txn);
  }
  Txn& txn = txns_[open.txn];
  txn.type = operation.type;
  txn.event = events_;
  if (operation.type == OpType::ok) {
    txn.complete = events_;
    if (!operation.value.is_list())
      return malformed(events_, "an ok transaction's value must be a list of micro-operations");
    return add_mops(txn, operation.value, true);
  }
  const Value& intended = open.value.is_list() ? open.value : operation.value;
  return intended.is_list() ? add_mops(txn, intended, false) : Result<void>();
}

void Transactions::end() {
  const auto give_up = [&](Open& open) {
    if (open.txn == kNone) return;
    if (open.value.is_list() && looks_like_txn(open.value)) {
      // An invocation's shape was not looked at before; what cannot be read now wrote nothing that was read.
      const std::size_t before = mops_.size();
      if (!add_mops(txns_[open.txn], open.value, false)) {
        mops_.resize(before);
        txns_[open.txn].begin = txns_[open.txn].end = static_cast<std::uint32_t>(before);
      }
    }
    open = Open();
  };
  for (Open& open : open_) give_up(open);
  for (auto& [_, opens] : also_open_) {
    for (Open& open : opens) give_up(open);
  }
  also_open_.clear();
  longest_.resize(keys_.size());
  choose_longest();

  const auto note = [&](std::uint64_t count, const char* what) {
    if (count) notes_.push_back(std::to_string(count) + " " + what);
  };
  note(without_invocation_, "completions without an invocation: taken as invoked at an unknown time");
  note(overlapping_, "invocations by a process that had not completed its last: their order is not used");
  note(foreign_, "operations that are no transactions were passed over");
}

Result<void> Transactions::add_mops(Txn& txn, const Value& value, bool reads) {
  const bool lists = workload_ == Workload::list_append;
  txn.begin = static_cast<std::uint32_t>(mops_.size());
  for (const Value& item : value.items()) {
    if (!item.is_list() || item.size() < 2 || item.size() > 3 || !has_text(item[0]))
      return malformed(events_, "a micro-operation is [f key value], not " + to_edn(item));
    if (mops_.size() == kMopsMax || keys_.size() == kKeysMax)
      return bad_input("too many micro-operations for one history");
    const std::span<const Value> parts = item.items();
    const std::string_view f = parts[0].text();
    static const Value nil{};
    const Value& argument = parts.size() == 3 ? parts[2] : nil;
    Mop mop;
    const std::uint32_t key = keys_.id(parts[1]);
    if (lists && key >= longest_.size()) longest_.resize(std::max<std::size_t>(key + 1, longest_.size() * 2));
    if (f == "r" || f == "read") {
      if (!reads) continue;
      if (lists) {
        if (!argument.is_nil() && !argument.is_list())
          return malformed(events_, "a read in list-append gives a list or nil, not " + to_edn(argument));
        mop = list_read(key, argument);
      } else {
        mop.value = codes_.code(argument);
      }
    } else if (lists ? f == "append" : f == "w" || f == "write") {
      mop.write = 1;
      mop.value = codes_.code(argument);
    } else {
      return malformed(events_, "\"" + std::string(f) + "\" is no micro-operation of " +
                                    (lists ? "list-append (append, r)" : "rw-register (w, r)"));
    }
    mop.key = key;
    mops_.push_back(mop);
  }
  txn.end = static_cast<std::uint32_t>(mops_.size());
  return {};
}

Mop Transactions::list_read(std::uint32_t key, const Value& list) {
  Mop mop;
  if (list.is_nil()) return mop;
  const std::span<const Value> items = list.items();
  mop.length = static_cast<std::uint32_t>(items.size());
  std::vector<Code>& longest = longest_[key];
  const std::size_t shared = std::min(items.size(), longest.size());
  std::size_t same = 0;
  while (same < shared && codes_.code(items[same]) == longest[same]) ++same;
  if (same == shared) {
    list_bytes_ += (items.size() - same) * sizeof(Code);
    for (std::size_t i = same; i < items.size(); ++i) longest.push_back(codes_.code(items[i]));
    return mop;
  }
  Other other{key, {}};
  other.items.reserve(items.size());
  list_bytes_ += sizeof(Other) + items.size() * sizeof(Code);
  for (const Value& item : items) other.items.push_back(codes_.code(item));
  others_.push_back(std::move(other));
  mop.value = static_cast<Code>(others_.size());
  return mop;
}

// Reading keeps the first list it saw and what extends it; a longer one that contradicts it takes its place only now.
void Transactions::choose_longest() {
  std::unordered_map<std::uint32_t, std::size_t> better;  // key -> index in others_
  for (std::size_t i = 0; i < others_.size(); ++i) {
    const std::size_t length = others_[i].items.size();
    if (length <= longest_[others_[i].key].size()) continue;
    const auto [found, added] = better.try_emplace(others_[i].key, i);
    if (!added && length > others_[found->second].items.size()) found->second = i;
  }
  if (better.empty()) return;
  for (const auto& [key, other] : better) std::swap(longest_[key], others_[other].items);
  for (Mop& mop : mops_) {
    if (mop.write) continue;
    const auto found = better.find(mop.key);
    if (found == better.end()) continue;
    const auto swapped = static_cast<Code>(found->second + 1);
    if (mop.value == 0 || mop.value == swapped) mop.value = swapped - mop.value;
    const std::span<const Code> read = list(mop), all = longest_[mop.key];
    if (mop.value != 0 && read.size() <= all.size() && std::equal(read.begin(), read.end(), all.begin())) mop.value = 0;
  }
}

std::uint64_t Transactions::bytes() const {
  return txns_.capacity() * sizeof(Txn) + mops_.capacity() * sizeof(Mop) + longest_.capacity() * sizeof(longest_[0]) +
         list_bytes_;
}

void Transactions::give_up_keeping() {
  Transactions empty(workload_, memory_bytes_);
  empty.events_ = events_;
  empty.full_ = true;
  *this = std::move(empty);
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> Transactions::process_order() const {
  // By completion; one that never completed by its invocation, since nothing of its process follows.
  const auto place = [&](const Txn& txn) { return txn.type == OpType::ok || txn.invoke == 0 ? txn.event : txn.invoke; };
  std::vector<std::uint32_t> happened;
  for (std::uint32_t t = 0; t < size(); ++t) {
    if (txns_[t].type != OpType::fail) happened.push_back(t);
  }
  std::sort(happened.begin(), happened.end(),
            [&](std::uint32_t a, std::uint32_t b) { return place(txns_[a]) < place(txns_[b]); });
  std::vector<std::uint32_t> last(open_.size(), kNone);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order;
  for (const std::uint32_t t : happened) {
    std::uint32_t& previous = last[txns_[t].process];
    // A completion without invocation was invoked after its process's last completion; one that overlaps was not.
    if (previous != kNone && (txns_[t].invoke == 0 || txns_[previous].complete < txns_[t].invoke))
      order.emplace_back(previous, t);
    if (txns_[t].type == OpType::ok) previous = t;
  }
  return order;
}

Value Transactions::mop_value(const Mop& mop) const {
  std::vector<Value> parts;
  const bool lists = workload_ == Workload::list_append;
  parts.emplace_back(mop.write ? (lists ? "append" : "w") : "r");
  parts.push_back(key(mop.key));
  if (mop.write || !lists) {
    parts.push_back(value(mop.value));
  } else if (mop.length == 0) {
    parts.emplace_back();
  } else {
    std::vector<Value> items;
    for (const Code code : list(mop)) items.push_back(value(code));
    parts.push_back(Value::list(std::move(items)));
  }
  return Value::list(std::move(parts));
}

namespace {

// EDN without the quotes of the function's name: [append x 1].
std::string plain(const Value& mop) {
  std::string text = "[" + std::string(mop[0].text());
  for (std::size_t i = 1; i < mop.size(); ++i)
    text += " " + (has_text(mop[i]) ? std::string(mop[i].text()) : to_edn(mop[i]));
  return text + "]";
}

}  // namespace

std::string Transactions::mop_text(const Mop& mop) const {
  return plain(mop_value(mop));
}

std::string Transactions::text(std::uint32_t txn) const {
  std::string text = "[";
  for (const Mop& mop : mops(txns_[txn])) {
    if (text.size() > 1) text += " ";
    text += mop_text(mop);
  }
  return text + "]";
}

Value Transactions::details(std::uint32_t txn) const {
  std::vector<Value> value;
  for (const Mop& mop : mops(txns_[txn])) value.push_back(mop_value(mop));
  return Value::map({{"op", Value(static_cast<std::int64_t>(txns_[txn].event) - 1)},
                     {"process", Value(process(txns_[txn].process))},
                     {"type", Value(to_string(txns_[txn].type))},
                     {"value", Value::list(std::move(value))}});
}

}  // namespace shaketable::isolation
