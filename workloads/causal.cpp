// Each register has one writer, who writes 1, 2, 3 …; whoever wrote or read a value must not read an earlier one after
// it.

#include <algorithm>

#include "workloads/builtin.h"
#include "workloads/final_reads.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

class Causal final : public Generator {
 public:
  Causal(std::size_t workers, double reads, std::int64_t writes, std::shared_ptr<KeyCount> keys)
      : reads_(reads), writes_(writes), own_(workers), keys_(std::move(keys)) {
    for (Own& own : own_) renew(own);
  }

  Turn next(Context& context) override {
    static const Name read("read"), write("write");
    Own& own = own_[context.worker % own_.size()];
    if (context.random.chance(reads_)) {
      const Own& other = own_[context.random.below(own_.size())];
      return Turn::operation({read, Value::list({other.key, nullptr})});
    }
    if (own.written == writes_) renew(own);
    return Turn::operation({write, Value::list({own.key, ++own.written})});
  }

  // A write of which nobody knows may take effect after later ones, and would make the number fall: the key is done.
  void completed(Context& context, const Invocation& invocation, OpType type, const Value&) override {
    static const Name write("write");
    Own& own = own_[context.worker % own_.size()];
    if (type == OpType::info && invocation.f == write && invocation.value[0] == Value(own.key)) renew(own);
  }
  bool wants_completions() const override { return true; }

 private:
  struct Own {
    std::int64_t key = 0, written = 0;
  };
  void renew(Own& own) { own = {keys_->used++, 0}; }

  const double reads_;
  const std::int64_t writes_;
  std::vector<Own> own_;
  std::shared_ptr<KeyCount> keys_;
};

Result<Workload> make(const Parameters& parameters, std::size_t workers) {
  auto keys = std::make_shared<KeyCount>();
  Workload workload;
  workload.main = std::make_unique<Causal>(std::max<std::size_t>(1, workers), parameters.number("reads"),
                                           parameters.integer("writes_per_key"), keys);
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
