// Transactions that write and read registers.

#include "workloads/builtin.h"
#include "workloads/specs.h"
#include "workloads/transactions.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  const std::string& writes = parameters.text("writes");
  auto options = transaction_options(parameters, writes == "blind"   ? WriteKind::blind
                                                 : writes == "mixed" ? WriteKind::mixed
                                                                     : WriteKind::read_modify_write);
  if (!options) return Failure(options.error().in("the workload rw-register"));
  auto count = std::make_shared<KeyCount>();
  Workload workload;
  workload.main = transactions(std::move(*options), count);
  workload.final = read_all_keys(count);
  workload.checks = {{"rw-register", {{"consistency", std::vector<std::string>{"strict-serializable"}}}}};
  return workload;
}

}  // namespace

WorkloadInfo rw_register_workload() {
  std::vector<ParameterSpec> parameters = transaction_parameters();
  parameters.push_back(spec::choice(
      "writes", "read-modify-write: each write follows a read of its key, which shows the order of versions",
      {"read-modify-write", "blind", "mixed"}, "read-modify-write"));
  return {"rw-register",
          "transactions that write and read registers; judged for strict serializability unless the plan's check says "
          "otherwise",
          std::move(parameters), "register-transactions", make};
}

}  // namespace shaketable
