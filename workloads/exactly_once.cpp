// Effects are applied, and applied again when nobody knows whether they were, as careful clients do: each must be there
// once.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  Workload workload;
  workload.main = retry(static_cast<int>(parameters.integer("attempts")),
                        repeat([reads = parameters.number("reads"), repeats = parameters.number("repeats"),
                                last = std::int64_t{0}](Context& context) mutable {
                          static const Name apply("apply"), read("read");
                          if (context.random.chance(reads)) return Invocation{read, Value()};
                          // A duplicate that the network or a hasty client makes, of one that may still be on its way.
                          if (context.random.chance(repeats) && last > 0) return Invocation{apply, last};
                          return Invocation{apply, ++last};
                        }));
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
