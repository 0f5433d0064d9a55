// Effects are applied, and applied again when nobody knows whether they were, as careful clients do: each must be there
// once.

#include <deque>
#include <map>

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

class ExactlyOnce final : public Generator {
 public:
  ExactlyOnce(double reads, double repeats, int attempts) : reads_(reads), repeats_(repeats), attempts_(attempts) {}

  Turn next(Context& context) override {
    static const Name apply("apply"), read("read");
    if (!again_.empty()) {
      const std::int64_t id = again_.front();
      again_.pop_front();
      return Turn::operation({apply, id});
    }
    if (context.random.chance(reads_)) return Turn::operation({read, Value()});
    // A duplicate that the network or a hasty client makes, of one that may still be on its way.
    if (last_ > 0 && context.random.chance(repeats_)) return Turn::operation({apply, last_});
    return Turn::operation({apply, ++last_});
  }

  void completed(Context&, const Invocation& invocation, OpType type, const Value&) override {
    static const Name apply("apply");
    if (invocation.f != apply) return;
    const std::int64_t id = invocation.value.integer();
    if (type == OpType::info && ++tried_[id] < attempts_)
      again_.push_back(id);
    else
      tried_.erase(id);
  }
  bool wants_completions() const override { return true; }

 private:
  const double reads_, repeats_;
  const int attempts_;
  std::int64_t last_ = 0;
  std::deque<std::int64_t> again_;
  std::map<std::int64_t, int> tried_;
};

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  workload.main = std::make_unique<ExactlyOnce>(parameters.number("reads"), parameters.number("repeats"),
                                                static_cast<int>(parameters.integer("attempts")));
  workload.final = final_read();
  workload.checks = {{"exactly-once", {}}};
  return workload;
}

}  // namespace

WorkloadInfo exactly_once_workload() {
  return {"exactly-once",
          "effects are applied, and again when nobody knows whether they were; each must be there once",
          {spec::share("reads", "share of operations that read all effects, which grow", 0.02),
           spec::share("repeats", "share of applications that are sent twice for no reason", 0.1),
           spec::integer("attempts", "how often an application is tried whose outcome stays unknown", 5, 1, 1000)},
          "exactly-once",
          make};
}

}  // namespace shaketable
