// Each register has one writer, who writes 1, 2, 3 …; whoever wrote or read a value must not read an earlier one after
// it.

#include <iterator>
#include <map>

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  static const Name read("read"), write("write");
  auto keys = std::make_shared<KeyCount>();
  const auto own = std::make_shared<std::map<std::size_t, std::int64_t>>();  // the register of each worker
  const auto writes = static_cast<std::uint64_t>(parameters.integer("writes_per_key"));
  const double reads = parameters.number("reads");
  Workload workload;
  workload.main = each_worker([keys, own, writes, reads](std::size_t worker) {
    // A write of which nobody knows may take effect after later ones, and would make the number fall: the key is done.
    GeneratorPtr writing = per_key(
        1, writes,
        [own, worker](std::int64_t key) {
          (*own)[worker] = key;
          return until({{.types = {OpType::info}}}, repeat([n = std::int64_t{0}](Context&) mutable {
                         return Invocation{write, ++n};
                       }));
        },
        keys);
    GeneratorPtr reading = repeat([own](Context& context) {
      const auto whose = std::next(own->begin(), static_cast<std::ptrdiff_t>(context.random.below(own->size())));
      return Invocation{read, Value::list({whose->second, nullptr})};
    });
    std::vector<std::pair<double, GeneratorPtr>> both;
    both.emplace_back(reads, std::move(reading));
    both.emplace_back(1 - reads, std::move(writing));
    return mix(std::move(both));
  });
  workload.final = read_all_registers(keys);
  workload.checks = {{"causal", {{"keyed", true}}}};
  return workload;
}

}  // namespace

WorkloadInfo causal_workload() {
  return {"causal",
          "each worker writes growing numbers to a register of its own and reads everybody's; no session may go back",
          {spec::share("reads", "share of operations that read", 0.6),
           spec::integer("writes_per_key", "writes of a register before a new one takes its place", 100, 1, 1e9)},
          "register",
          make};
}

}  // namespace shaketable
