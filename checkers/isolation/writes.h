#pragma once
// Who wrote which value of a register.

#include <cstdint>
#include <span>
#include <vector>

#include "checkers/isolation/transactions.h"

namespace shaketable::isolation {

struct Write {
  Code value = 0;
  std::uint32_t txn = 0;
  bool final = true;  // its transaction's last write to this key
};

class WriteIndex {
 public:
  explicit WriteIndex(const Transactions& txns);

  // The write of a value; of several, one that did not fail. nullptr if there is none.
  const Write* find(std::uint32_t key, Code value) const;
  std::span<const Write> of_key(std::uint32_t key) const {
    return std::span(writes_).subspan(rows_[key], rows_[key + 1] - rows_[key]);
  }
  bool alive(const Write& write) const { return txns_[write.txn].type != OpType::fail; }
  // Whether two transactions that did not fail wrote one value: then who wrote what was read is not known.
  bool written_twice(std::uint32_t key) const { return written_twice_[key]; }

  // Writes are numbered by key, then by value.
  std::uint32_t size() const { return static_cast<std::uint32_t>(writes_.size()); }
  std::uint32_t number(const Write& write) const { return static_cast<std::uint32_t>(&write - writes_.data()); }
  const Write& operator[](std::uint32_t number) const { return writes_[number]; }
  std::uint32_t key_of(std::uint32_t number) const;

 private:
  const Transactions& txns_;
  std::vector<Write> writes_;  // of one value those that failed last
  std::vector<std::uint32_t> rows_;
  std::vector<bool> written_twice_;
};

}  // namespace shaketable::isolation
