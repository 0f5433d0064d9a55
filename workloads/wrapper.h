#pragma once
// What generators made of generators share.

#include <algorithm>
#include <vector>

#include "workloads/generator.h"

namespace shaketable {

// Passes everything on; the base of those that hold one other.
class Wrapper : public Generator {
 public:
  explicit Wrapper(GeneratorPtr inner) : inner_(std::move(inner)) {}
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    inner_->completed(context, invocation, type, value);
  }
  bool wants_completions() const override { return inner_->wants_completions(); }

 protected:
  GeneratorPtr inner_;
};

// Holds several. A worker has at most one operation in flight, so the part that it came from is known by the worker,
// and only that part is told how it ended.
class Parts : public Generator {
 public:
  explicit Parts(std::vector<GeneratorPtr> parts) : parts_(std::move(parts)) {}
  void completed(Context& context, const Invocation& invocation, OpType type, const Value& value) override {
    if (context.worker >= asked_.size() || asked_[context.worker] == 0) return;
    const std::size_t part = asked_[context.worker] - 1;
    asked_[context.worker] = 0;
    ended(part);
    parts_[part]->completed(context, invocation, type, value);
  }
  bool wants_completions() const override {
    return std::any_of(parts_.begin(), parts_.end(),
                       [](const GeneratorPtr& part) { return part->wants_completions(); });
  }

 protected:
  virtual void ended(std::size_t /*part*/) {}
  void handed_out(const Context& context, std::size_t part) {
    if (context.worker >= asked_.size()) asked_.resize(std::max(context.worker + 1, context.workers));
    asked_[context.worker] = part + 1;
  }
  std::vector<GeneratorPtr> parts_;

 private:
  std::vector<std::size_t> asked_;  // by worker: the part + 1, 0: none
};

}  // namespace shaketable
