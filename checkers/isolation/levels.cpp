// Weak levels under the names by which they are asked for, several of them, and beside the lattice's models.

#include <algorithm>
#include <set>

#include "base/text.h"
#include "checkers/isolation/weak.h"

namespace shaketable {
namespace isolation {
namespace {

using Entries = std::vector<std::pair<Value, Value>>;

Entries entries_of(const Value* map) {
  Entries all;
  for (std::size_t i = 0; map && map->kind() == Value::Kind::map && i < map->items().size(); i += 2)
    all.emplace_back(map->items()[i], map->items()[i + 1]);
  return all;
}

Entries entries_of(const Value& details, const char* name) {
  return details.kind() == Value::Kind::map ? entries_of(details.find(name)) : Entries();
}

Verdict check_level(WeakLevel level, const Transactions& txns, const IsolationOptions& options, const Budget& budget) {
  Verdict verdict = Weak(txns, options, budget).check(level);
  const Value holds = verdict.valid == Validity::unknown ? Value("unknown") : Value(verdict.valid == Validity::valid);
  Entries details = entries_of(&verdict.details);
  details.emplace_back("levels", Value::map({{Value(to_string(level)), holds}}));
  verdict.details = Value::map(std::move(details));
  if (verdict.valid != Validity::invalid) return verdict;
  // What implies sequential in the lattice implies every weak level.
  for (const std::string& model : models_implying("sequential")) verdict.also_not.push_back(model);
  std::sort(verdict.also_not.begin(), verdict.also_not.end());
  return verdict;
}

class WeakChecker final : public IsolationChecker {
 public:
  WeakChecker(std::vector<WeakLevel> levels, IsolationOptions options)
      : levels_(std::move(levels)), options_(std::move(options)), txns_(Workload::rw_register, options_.memory_bytes) {}

  Result<void> take(Operation operation) override { return txns_.take(operation); }

  Result<Verdict> finish(const Budget& budget, Pool*) override {
    txns_.end();
    if (txns_.full()) return too_large("weak-register", txns_, options_);
    return check_levels(levels_, txns_, options_, budget);
  }

 private:
  std::vector<WeakLevel> levels_;
  IsolationOptions options_;
  Transactions txns_;
};

}  // namespace

AskedLevels asked_levels(const std::vector<std::string>& models) {
  AskedLevels asked;
  for (const std::string& model : models) {
    const auto level = weak_level(model);
    if (level) asked.levels.push_back(*level);
    // What the lattice proscribes of such a model is looked for besides: sessions do not show all of it.
    if (!level || !anomalies_prohibited_by(std::span(&model, 1)).empty()) asked.models.push_back(model);
  }
  return asked;
}

void merge(Verdict& into, Verdict more) {
  const Validity valid = worst(into.valid, more.valid);
  std::vector<std::string> reasons;
  for (const Verdict* one : {&into, &more})
    if (one->valid == valid && !one->reason.empty()) reasons.push_back(one->reason);
  into.valid = valid;
  for (auto& [name, found] : more.anomalies) into.anomalies.try_emplace(name, std::move(found));

  std::set<std::string> above(into.also_not.begin(), into.also_not.end());
  above.insert(more.also_not.begin(), more.also_not.end());
  std::set<std::string> weakest(into.not_models.begin(), into.not_models.end());
  weakest.insert(more.not_models.begin(), more.not_models.end());
  std::erase_if(weakest, [&](const std::string& model) { return above.contains(model); });
  into.not_models.assign(weakest.begin(), weakest.end());
  into.also_not.assign(above.begin(), above.end());

  // A map keeps the last of equal names.
  Entries details = entries_of(&into.details);
  for (const char* name : {"counts", "levels"}) {
    Entries entries = entries_of(more.details, name);
    for (auto& entry : entries_of(into.details, name)) entries.push_back(std::move(entry));
    details.emplace_back(name, Value::map(std::move(entries)));
  }
  into.details = Value::map(std::move(details));

  if (valid != Validity::invalid) {
    into.reason = join(reasons, "; ");
    return;
  }
  std::vector<std::string> bad;
  into.explanation = into.not_models.empty() ? "" : "The history is not " + join(into.not_models) + ".\n";
  for (const auto& [name, count] : entries_of(into.details, "counts")) {
    bad.emplace_back(name.text());
    into.explanation += "\n" + bad.back();
    if (count.integer() > 1) into.explanation += " (" + std::to_string(count.integer()) + ")";
    into.explanation += "\n";
    const auto found = into.anomalies.find(bad.back());
    if (found != into.anomalies.end() && !found->second.empty()) into.explanation += found->second.front().text + "\n";
  }
  into.reason = join(bad) + (bad.size() == 1 ? " was" : " were") + " found";
}

Verdict check_levels(const std::vector<WeakLevel>& levels, const Transactions& txns, const IsolationOptions& options,
                     const Budget& budget) {
  Verdict all;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    Verdict one = check_level(levels[i], txns, options, budget);
    if (i == 0)
      all = std::move(one);
    else
      merge(all, std::move(one));
  }
  all.checker = "weak-register";
  return all;
}

}  // namespace isolation

std::unique_ptr<IsolationChecker> make_weak_checker(std::vector<WeakLevel> levels, IsolationOptions options) {
  return std::make_unique<isolation::WeakChecker>(std::move(levels), std::move(options));
}

Result<Verdict> check_weak(const History& history, WeakLevel level, const IsolationOptions& options,
                           const Budget& budget, Pool* pool) {
  const std::unique_ptr<IsolationChecker> checker = make_weak_checker({level}, options);
  for (const Operation& operation : history.operations) {
    if (auto taken = checker->take(operation); !taken) return Failure(taken.error());
  }
  return checker->finish(budget, pool);
}

}  // namespace shaketable
