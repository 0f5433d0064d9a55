// Money moves between accounts, and readers of all of them must always find the same sum.

#include <fmt/format.h>

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/interfaces.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  const std::int64_t accounts = parameters.integer("accounts"), total = parameters.integer("total");
  if (total % accounts != 0)
    return bad_input(
        fmt::format("the workload bank: the total of {} cannot be divided evenly among {} accounts", total, accounts));
  Workload workload;
  workload.main = repeat([accounts, reads = parameters.number("reads"), largest = parameters.integer("largest"),
                          picker = key_picker(parameters)](Context& context) mutable {
    static const Name transfer("transfer"), read("read");
    Random& random = context.random;
    if (random.chance(reads)) return Invocation{read, Value()};
    const auto n = static_cast<std::size_t>(accounts);
    const std::size_t from = picker.pick(random, n);
    std::size_t to = random.below(n - 1);
    if (to >= from) ++to;
    return Invocation{transfer, Value::map({{"from", static_cast<std::int64_t>(from)},
                                            {"to", static_cast<std::int64_t>(to)},
                                            {"amount", random.between(1, largest)}})};
  });
  workload.final = final_read();
  workload.checks = {{"bank", {{"total", total}}}};
  return workload;
}

}  // namespace

WorkloadInfo bank_workload() {
  std::vector<ParameterSpec> parameters = find_interface("bank")->parameters;
  parameters.push_back(spec::share("reads", "share of operations that read all accounts", 0.5));
  parameters.push_back(spec::integer("largest", "the largest amount moved", 5, 1, 1e9));
  for (ParameterSpec& spec : key_parameters()) parameters.push_back(std::move(spec));
  return {"bank", "money moves between accounts; every read of them all must find the same total",
          std::move(parameters), "bank", make};
}

}  // namespace shaketable
