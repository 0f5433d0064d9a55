#include "workloads/lock_cycle.h"

#include "workloads/interfaces.h"
#include "workloads/specs.h"

namespace shaketable {
namespace {

class LockWorker final : public Generator {
 public:
  explicit LockWorker(const LockCycle& options) : options_(options) {}

  Turn next(Context& context) override {
    static const Name acquire("acquire"), release("release"), use("use");
    if (!holding_) {
      lock_ = static_cast<std::int64_t>(context.random.below(static_cast<std::uint64_t>(options_.locks)));
      hold_ = Nanos(context.random.between(options_.hold.low.count(), options_.hold.high.count()));
      return Turn::operation({acquire, lock_}, not_before_);
    }
    if (token_.is_integer() && used_ < options_.uses)
      return Turn::operation({use, Value::list({lock_, token_})}, granted_ + hold_ * (used_ + 1) / (options_.uses + 1));
    return Turn::operation({release, lock_}, granted_ + hold_);
  }

  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    static const Name acquire("acquire"), use("use");
    if (invocation.f == acquire) {
      holding_ = type == OpType::ok;
      granted_ = context.now;
      not_before_ = context.now + options_.retry;
      token_ = value;
      used_ = 0;
    } else if (invocation.f == use && type != OpType::info) {
      // Who was refused knows that the lock is another's by now, and gives it up.
      used_ = type == OpType::ok ? used_ + 1 : options_.uses;
    } else {
      holding_ = false;  // released, or the process that held it is gone
    }
  }
  bool wants_completions() const override { return true; }

 private:
  const LockCycle options_;
  bool holding_ = false;
  Value lock_, token_;
  Nanos granted_{0}, hold_{0}, not_before_{0};
  std::int64_t used_ = 0;
};

}  // namespace

std::vector<ParameterSpec> lock_parameters() {
  std::vector<ParameterSpec> parameters = find_interface("lock")->parameters;
  parameters.push_back(spec::duration_range("hold", "how long a lock is held, drawn anew each time",
                                            {Nanos(0), std::chrono::milliseconds(20)}));
  parameters.push_back(spec::duration("retry", "how long a worker waits after an acquire that was not granted",
                                      std::chrono::milliseconds(5)));
  return parameters;
}

LockCycle lock_cycle_of(const Parameters& parameters) {
  return {parameters.integer("locks"), parameters.range("hold"), parameters.duration("retry"), 0};
}

GeneratorPtr lock_cycle(LockCycle options) {
  return each_worker([options](std::size_t) { return std::make_unique<LockWorker>(options); });
}

}  // namespace shaketable
