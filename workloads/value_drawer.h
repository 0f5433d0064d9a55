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

struct DrawnNames;
// The names of each worker of one each-worker, by its number.
using WorkerScopes = std::map<std::size_t, std::weak_ptr<const DrawnNames>>;

// What drawn values may refer to: counters that go on, and values that were drawn under a name. Copies share both. One
// thread.
class DrawScope {
 public:
  DrawScope();
  // Each with names of its own, that sees those of this one too. Of a key: with counters of its own.
  DrawScope inside() const;
  DrawScope of_key() const;
  DrawScope of_worker(const std::shared_ptr<WorkerScopes>& workers, std::size_t worker) const;

  void name(const std::string& name, Value value) const;
  Value named(const std::string& name) const;  // nil: nothing was drawn under it yet
  // The same of one of the workers that have one; nil: none has.
  Value named_by_any_worker(const std::string& name, Random& random) const;
  // The last number of the counter; one below `first` at the beginning.
  std::int64_t& counter(const std::string& name, std::int64_t first) const;

 private:
  std::shared_ptr<std::map<std::string, std::int64_t>> counters_;
  std::shared_ptr<DrawnNames> names_;
};

// One thread.
class ValueDrawer {
 public:
  explicit ValueDrawer(ValueSpec spec);
  Value draw(const DrawScope& scope, Random& random);

 private:
  Value drawn(const DrawScope& scope, Random& random);
  Value number_below(const DrawScope& scope, Random& random);
  Value some_of(const DrawScope& scope, Random& random);
  Value list_of(const DrawScope& scope, Random& random);
  Value for_each(const DrawScope& scope, Random& random);
  Value range(const DrawScope& scope, Random& random);
  Value folded(const DrawScope& scope, Random& random);
  std::int64_t how_many(Random& random) const;

  ValueSpec spec_;  // its items are in items_
  std::vector<ValueDrawer> items_;
  KeyPicker picker_;
};

}  // namespace shaketable
