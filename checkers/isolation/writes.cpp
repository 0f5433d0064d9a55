#include "checkers/isolation/writes.h"

#include <algorithm>

namespace shaketable::isolation {

WriteIndex::WriteIndex(const Transactions& txns)
    : txns_(txns), rows_(txns.keys() + 1, 0), written_twice_(txns.keys(), false) {
  const std::uint32_t keys = txns.keys();
  for (const Mop& mop : txns.mops()) {
    if (mop.write) ++rows_[mop.key + 1];
  }
  for (std::uint32_t k = 0; k < keys; ++k) rows_[k + 1] += rows_[k];
  writes_.resize(rows_[keys]);
  std::vector<std::uint32_t> next(rows_.begin(), rows_.end() - 1);
  std::vector<std::uint32_t> last(keys, kNone);
  for (std::uint32_t t = 0; t < txns.size(); ++t) {
    for (const Mop& mop : txns.mops(txns[t])) {
      if (!mop.write) continue;
      const std::uint32_t slot = next[mop.key]++;
      writes_[slot] = {mop.value, t, true};
      if (last[mop.key] != kNone && writes_[last[mop.key]].txn == t) writes_[last[mop.key]].final = false;
      last[mop.key] = slot;
    }
  }
  const auto before = [&](const Write& a, const Write& b) {
    if (a.value != b.value) return a.value < b.value;
    return std::pair(!alive(a), !a.final) < std::pair(!alive(b), !b.final);
  };
  for (std::uint32_t k = 0; k < keys; ++k) {
    const std::span<Write> all = std::span(writes_).subspan(rows_[k], rows_[k + 1] - rows_[k]);
    if (!std::is_sorted(all.begin(), all.end(), before)) std::sort(all.begin(), all.end(), before);
    for (std::size_t i = 1; i < all.size(); ++i) {
      if (all[i].value == all[i - 1].value && alive(all[i]) && all[i].txn != all[i - 1].txn) written_twice_[k] = true;
    }
  }
}

const Write* WriteIndex::find(std::uint32_t key, Code value) const {
  const std::span<const Write> all = of_key(key);
  if (all.empty()) return nullptr;
  // Workloads write 1, 2, 3, ...: then the value says where it is.
  const std::uint64_t guess = static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(all[0].value);
  if (guess < all.size() && all[guess].value == value && (guess == 0 || all[guess - 1].value != value))
    return &all[guess];
  const auto found =
      std::lower_bound(all.begin(), all.end(), value, [](const Write& w, Code v) { return w.value < v; });
  return found != all.end() && found->value == value ? &*found : nullptr;
}

std::uint32_t WriteIndex::key_of(std::uint32_t number) const {
  return static_cast<std::uint32_t>(std::upper_bound(rows_.begin(), rows_.end(), number) - rows_.begin()) - 1;
}

}  // namespace shaketable::isolation
