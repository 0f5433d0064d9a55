// Values are written, and changes watched from the last write on that anybody had an answer to, as a client does that
// lost its connection and found another node: what it is told of must be newer than that, in order and complete.

#include "workloads/builtin.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

Result<Workload> make(const Parameters& parameters, std::size_t /*workers*/) {
  static const Name write("write"), watch("watch");
  const double watches = parameters.number("watches");
  const auto newest = std::make_shared<Value>();
  std::vector<std::pair<double, GeneratorPtr>> both;
  both.emplace_back(watches, repeat([newest](Context&) { return Invocation{watch, *newest}; }));
  both.emplace_back(1 - watches, answers([newest](const Value& revision) { *newest = revision; },
                                         repeat([n = std::int64_t{0}](Context&) mutable {
                                           return Invocation{write, ++n};
                                         })));
  Workload workload;
  workload.main = mix(std::move(both));
  workload.checks = {{"watch", {}}};
  return workload;
}

}  // namespace

WorkloadInfo watch_workload() {
  return {"watch",
          "values are written and changes watched; nobody is told of an older one, or misses one",
          {spec::share("watches", "share of operations that watch, the others write", 0.4)},
          "watch",
          make};
}

}  // namespace shaketable
