#include "checkers/linearizability/interner.h"

namespace shaketable::linearizability {

Id Interner::id(const Value& value) {
  Id* slot = nullptr;
  if (value.is_integer() && value.integer() >= 0) {
    const auto number = static_cast<std::uint64_t>(value.integer());
    // The table stays proportional to the number of values seen, whatever the values are.
    if (number >= small_.size() && number < 4 * values_.size() + 1024) small_.resize(2 * number + 1024, -1);
    if (number < small_.size()) {
      slot = &small_[number];
      if (*slot >= 0) return *slot;
    }
  }
  const Id fresh = static_cast<Id>(values_.size());
  Id result = fresh;
  if (slot) {
    // The value may have come before the table reached it.
    if (const auto known = others_.find(value); known != others_.end()) result = known->second;
    *slot = result;
  } else {
    result = others_.emplace(value, fresh).first->second;
  }
  if (result == fresh) values_.push_back(value);
  return result;
}

}  // namespace shaketable::linearizability
