// Payloads that carry their own sum are written and read back: whoever shows one whose sum is wrong has spoiled it.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  auto keys = std::make_shared<KeyCount>();
  const double reads = parameters.number("reads");
  const std::uint64_t bytes = parameters.size("value_bytes");
  Workload workload;
  workload.main = per_key(
      static_cast<std::size_t>(parameters.integer("keys")),
      static_cast<std::uint64_t>(parameters.integer("ops_per_key")),
      [reads, bytes](std::int64_t) {
        return repeat([reads, bytes](Context& context) {
          static const Name read("read"), write("write");
          if (context.random.chance(reads)) return Invocation{read, Value()};
          return Invocation{write, checksummed_text(context.random, bytes)};
        });
      },
      keys, key_picker(parameters));
  workload.final = read_all_registers(keys);
  workload.checks = {{"checksum", {}}};
  return workload;
}

}  // namespace

WorkloadInfo echo_checksum_workload() {
  ParameterSpec bytes = value_bytes_parameter();
  bytes.about = "how long each payload is, without its sum";
  bytes.fallback = "256";
  bytes.value = std::uint64_t{256};
  std::vector<ParameterSpec> parameters = {
      spec::integer("keys", "registers in use at once", 10, 1, 1'000'000),
      spec::integer("ops_per_key", "operations on a register before a new one takes its place", 50, 1, 1e9),
      spec::share("reads", "share of operations that read", 0.5), bytes};
  for (ParameterSpec& spec : key_parameters()) parameters.push_back(std::move(spec));
  return {"echo-checksum", "payloads that carry their own sum are written and read back unspoiled",
          std::move(parameters), "register", make};
}

}  // namespace shaketable
