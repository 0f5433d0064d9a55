// Several users claim a name at once; one may have it, and it stays that user's (Kleppmann, DDIA, chapter 9).

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  auto names = std::make_shared<KeyCount>();
  const double reads = parameters.number("reads");
  Workload workload;
  workload.main = per_key(
      static_cast<std::size_t>(parameters.integer("keys")), static_cast<std::uint64_t>(parameters.integer("claims")),
      [reads](std::int64_t) {
        return repeat([reads, user = std::int64_t{0}](Context& context) mutable {
          static const Name read("read"), cas("cas");
          if (context.random.chance(reads)) return Invocation{read, Value()};
          return Invocation{cas, Value::list({nullptr, ++user})};
        });
      },
      names, key_picker(parameters));
  workload.final = read_all_registers(names);
  workload.checks = {{"linearizable", {{"model", std::string("cas-register")}, {"keyed", true}}}};
  return workload;
}

}  // namespace

WorkloadInfo unique_name_workload() {
  std::vector<ParameterSpec> parameters = {
      spec::integer("keys", "names that are claimed at once", 3, 1, 1'000'000),
      spec::integer("claims", "claims and reads of a name before a new one takes its place", 12, 1, 1e6),
      spec::share("reads", "share of operations that ask whose a name is", 0.25)};
  for (ParameterSpec& spec : key_parameters()) parameters.push_back(std::move(spec));
  return {"unique-name", "users claim names (a compare-and-set from nil); one user a name, judged for linearizability",
          std::move(parameters), "register", make};
}

}  // namespace shaketable
