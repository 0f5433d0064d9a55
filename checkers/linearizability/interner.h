#pragma once
// Values as small numbers: equal values have equal ids, ids count from 0.

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "history/value.h"

namespace shaketable::linearizability {

using Id = std::int32_t;

// Written by one thread; once nobody writes, any thread may read.
class Interner {
 public:
  Interner() { id(Value()); }

  static constexpr Id kNil = 0;

  Id id(const Value& value);
  const Value& operator[](Id id) const { return values_[id]; }
  std::size_t size() const { return values_.size(); }

 private:
  // Histories of unique writes hold millions of small integers: a table is five times smaller than a hash map.
  std::vector<Id> small_;
  std::unordered_map<Value, Id, ValueHash> others_;
  std::vector<Value> values_;
};

}  // namespace shaketable::linearizability
