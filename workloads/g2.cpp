// Two transactions look, by a predicate, whether a key has a row, and insert one if not: at most one of them may
// succeed (jepsen.tests.adya).

#include "workloads/builtin.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  // The inserts of one key follow one another, so that free workers carry them out at the same time.
  workload.main = repeat([tries = parameters.integer("inserts"), n = std::int64_t{0}](Context& context) mutable {
    static const Name insert("insert");
    const std::int64_t key = n / tries, id = n + 1;
    // The first two of a key go to different tables.
    const std::int64_t place = n % tries;
    const bool first = place < 2 ? place == 0 : context.random.chance(0.5);
    ++n;
    return Invocation{insert, Value::list({key, first ? Value::list({id, nullptr}) : Value::list({nullptr, id})})};
  });
  workload.checks = {{"g2", {}}};
  return workload;
}

}  // namespace

WorkloadInfo g2_workload() {
  return {"g2",
          "pairs of inserts that exclude each other by what they look for; of each pair one may succeed",
          {spec::integer("inserts", "inserts of each key", 2, 2, 1000)},
          "predicate-insert",
          make};
}

}  // namespace shaketable
