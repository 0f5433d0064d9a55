// Blind writes to few registers, while clocks differ: where the largest timestamp wins, an acknowledged write loses to
// one that was over before it began. Best with faults of clocks.

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/keys.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  auto keys = std::make_shared<KeyCount>();
  const double reads = parameters.number("reads");
  Workload workload;
  // A register's last write is what is judged, so each gets few writes and then rests until the last reads.
  workload.main = per_key(
      static_cast<std::size_t>(parameters.integer("keys")),
      static_cast<std::uint64_t>(parameters.integer("ops_per_key")),
      [reads, bytes = parameters.size("value_bytes")](std::int64_t) {
        return repeat([reads, bytes, n = std::int64_t{0}](Context& context) mutable {
          static const Name read("read"), write("write");
          if (context.random.chance(reads)) return Invocation{read, Value()};
          return Invocation{write, sized_value(++n, bytes)};
        });
      },
      keys, key_picker(parameters));
  workload.final = read_all_registers(keys);
  workload.checks = {{"last-write", {}}};
  return workload;
}

}  // namespace

WorkloadInfo lww_workload() {
  std::vector<ParameterSpec> parameters = {
      spec::integer("keys", "registers in use at once", 5, 1, 1'000'000),
      spec::integer("ops_per_key", "operations on a register before a new one takes its place", 10, 1, 1e9),
      spec::share("reads", "share of operations that read", 0), value_bytes_parameter()};
  for (ParameterSpec& spec : key_parameters()) parameters.push_back(std::move(spec));
  return {"lww",
          "blind writes; in the end no acknowledged one may have lost to one that was over before it began (with "
          "faults of clocks)",
          std::move(parameters), "register", make};
}

}  // namespace shaketable
