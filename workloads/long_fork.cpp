// Groups of keys, each written once, alone, and read together: two readers must not see two writes in different orders
// (jepsen.tests.long-fork).

#include <algorithm>

#include "workloads/builtin.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

class LongFork final : public Generator {
 public:
  LongFork(std::size_t groups, std::int64_t size, std::uint64_t reads) : size_(size), reads_(reads), groups_(groups) {
    for (Group& group : groups_) renew(group);
  }

  Turn next(Context& context) override {
    static const Name txn("txn");
    Random& random = context.random;
    Group& group = groups_[random.below(groups_.size())];
    // Reads are spread over the time in which the group's keys are written, and a while after.
    const std::uint64_t turns = group.unwritten.size() + group.reads_left;
    if (random.below(turns) < group.unwritten.size()) {
      const std::size_t at = random.below(group.unwritten.size());
      const std::int64_t key = group.unwritten[at];
      group.unwritten.erase(group.unwritten.begin() + static_cast<std::ptrdiff_t>(at));
      renew_if_done(group);
      return Turn::operation({txn, Value::list({Value::list({"w", key, 1})})});
    }
    std::vector<Value> reads;
    for (std::int64_t key = group.first; key < group.first + size_; ++key)
      reads.push_back(Value::list({"r", key, nullptr}));
    random.shuffle(reads);
    --group.reads_left;
    renew_if_done(group);
    return Turn::operation({txn, Value::list(std::move(reads))});
  }

 private:
  struct Group {
    std::int64_t first = 0;
    std::vector<std::int64_t> unwritten;
    std::uint64_t reads_left = 0;
  };
  void renew_if_done(Group& group) {
    if (group.unwritten.empty() && group.reads_left == 0) renew(group);
  }
  void renew(Group& group) {
    group = {next_, {}, reads_};
    for (; next_ < group.first + size_; ++next_) group.unwritten.push_back(next_);
  }

  const std::int64_t size_;
  const std::uint64_t reads_;
  std::int64_t next_ = 0;
  std::vector<Group> groups_;
};

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  workload.main = std::make_unique<LongFork>(static_cast<std::size_t>(parameters.integer("groups")),
                                             parameters.integer("group_keys"),
                                             static_cast<std::uint64_t>(parameters.integer("reads_per_group")));
  workload.checks = {{"long-fork", {}}};
  return workload;
}

}  // namespace

WorkloadInfo long_fork_workload() {
  return {"long-fork",
          "keys written once, and read in groups; no two readers may see two writes in different orders",
          {spec::integer("groups", "groups of keys in use at once", 3, 1, 10'000),
           spec::integer("group_keys", "keys of a group", 2, 2, 100),
           spec::integer("reads_per_group", "reads of a group before a new one takes its place", 10, 1, 1e6)},
          "register-transactions",
          make};
}

}  // namespace shaketable
