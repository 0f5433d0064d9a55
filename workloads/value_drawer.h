#pragma once
// Draws the values of generators that are data.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "workloads/generator_spec.h"
#include "workloads/keys.h"

namespace shaketable {

// What drawn values may refer to: counters that go on, and values that were drawn under a name. Copies share both.
class DrawScope {
 public:
  DrawScope();
  DrawScope with_names_of_its_own() const;
  void name(const std::string& name, Value value) { (*names_)[name] = std::move(value); }
  Value named(const std::string& name) const;  // nil: nothing was drawn under it yet
  // The last number of the counter; one below `first` at the beginning.
  std::int64_t& counter(const std::string& name, std::int64_t first);

 private:
  std::shared_ptr<std::map<std::string, std::int64_t>> counters_;
  std::shared_ptr<std::map<std::string, Value>> names_;
};

// One thread.
class ValueDrawer {
 public:
  explicit ValueDrawer(ValueSpec spec);
  Value draw(DrawScope& scope, Random& random);

 private:
  Value drawn(DrawScope& scope, Random& random);
  ValueSpec spec_;  // its items are in items_
  std::vector<ValueDrawer> items_;
  KeyPicker picker_;
};

}  // namespace shaketable
