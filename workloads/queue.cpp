// Elements go into a queue and come out; in the end it is drained, and nothing acknowledged may be missing.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

constexpr int kEmptyAnswers = 3;

// Dequeues until the queue has said a few times that it is empty: each has a deadline of its own, which a drain of all
// that is left would exceed. What the one drain after it finds is little.
class EmptyIt final : public Generator {
 public:
  Turn next(Context&) override {
    static const Name dequeue("dequeue");
    if (empty_ >= kEmptyAnswers || troubles_ >= kMostTroubles) return Turn::exhausted();
    return Turn::operation({dequeue, Value()});
  }
  void completed(Context&, const Invocation&, OpType type, const Value& value) override {
    if (type != OpType::ok)
      ++troubles_;
    else if (value.is_nil())
      ++empty_;
    else
      troubles_ = 0;
  }
  bool wants_completions() const override { return true; }

 private:
  static constexpr int kMostTroubles = 200;  // in a row
  int empty_ = 0, troubles_ = 0;
};

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  workload.main = repeat([bytes = parameters.size("value_bytes"), dequeues = parameters.number("dequeues"),
                          n = std::int64_t{0}](Context& context) mutable {
    static const Name enqueue("enqueue"), dequeue("dequeue");
    if (context.random.chance(dequeues)) return Invocation{dequeue, Value()};
    return Invocation{enqueue, sized_value(n++, bytes)};
  });
  std::vector<GeneratorPtr> parts;
  parts.push_back(std::make_unique<EmptyIt>());
  parts.push_back(final_reads([] { return std::vector<Invocation>{{Name("drain"), Value()}}; }));
  workload.final = phases(std::move(parts));
  workload.checks = {{"total-queue", {{"duplicates-invalidate", parameters.boolean("exactly_once")}}}};
  return workload;
}

}  // namespace

WorkloadInfo queue_workload() {
  return {"queue",
          "elements go into a queue, come out, and in the end nothing acknowledged may be missing",
          {spec::share("dequeues", "share of operations that take an element out", 0.5),
           spec::flag("exactly_once", "an element that comes out twice is a violation, too", false),
           value_bytes_parameter()},
          "queue",
          make};
}

}  // namespace shaketable
