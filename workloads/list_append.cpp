// Transactions that append to lists and read them: the workload that shows most of how a database isolates
// (Kingsbury & Alvaro, Elle, VLDB 2020).

#include "workloads/builtin.h"
#include "workloads/transactions.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  auto options = transaction_options(parameters, WriteKind::append);
  if (!options) return Failure(options.error().in("the workload list-append"));
  auto count = std::make_shared<KeyCount>();
  Workload workload;
  workload.main = transactions(std::move(*options), count);
  workload.final = read_all_keys(count);
  workload.checks = {{"list-append", {{"consistency", std::vector<std::string>{"strict-serializable"}}}}};
  return workload;
}

}  // namespace

WorkloadInfo list_append_workload() {
  return {"list-append",
          "transactions that append to lists and read them; judged for strict serializability unless the plan's check "
          "says otherwise",
          transaction_parameters(), "list-transactions", make};
}

}  // namespace shaketable
