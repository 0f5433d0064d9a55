// Each worker has a lease and renews it in time: it must live until its last renewal has run out.

#include "workloads/builtin.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

const Name kGrant("grant"), kRenew("renew");

// A renewal that nobody answered, or that failed, is followed by the next one, also by the process that takes the place
// of the one that made it.
GeneratorPtr one_lease(Nanos every) {
  const auto lease = std::make_shared<Value>();
  std::vector<GeneratorPtr> parts;
  parts.push_back(until_first_ok(answers([lease](const Value& granted) { *lease = granted; }, repeat([](Context&) {
                                           return Invocation{kGrant, Value()};
                                         })),
                                 std::chrono::milliseconds(100)));
  parts.push_back(until({{.functions = {kRenew}, .types = {OpType::ok}, .answer = Value()}},
                        delay(every, repeat([lease](Context&) {
                                return Invocation{kRenew, *lease};
                              }))));
  return chain(std::move(parts));
}

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  const Nanos every = parameters.duration("every");
  Workload workload;
  workload.main = each_worker([every](std::size_t) { return cycle([every] { return one_lease(every); }); });
  workload.checks = {{"lease", {}}};
  return workload;
}

}  // namespace

WorkloadInfo lease_workload() {
  return {"lease",
          "each worker renews a lease of its own; one that is renewed in time may not end",
          {spec::duration("every", "from one renewal of a lease to the next", std::chrono::milliseconds(300))},
          "lease",
          make};
}

}  // namespace shaketable
