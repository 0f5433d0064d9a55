#pragma once
// Runs for the report's tests, recorded as real ones are, without a cluster.

#include "base/clock.h"
#include "orchestrator/report/judge_run.h"
#include "orchestrator/report/page/page.h"
#include "tests/history/run_folder.h"

namespace shaketable::testing {

inline constexpr std::int64_t kMs = 1'000'000;

inline FaultRecord partition(std::int64_t id, std::int64_t from_ms, std::int64_t to_ms, bool bit = true) {
  FaultRecord fault;
  fault.id = id;
  fault.fault = "partition";
  fault.targets = {"n1"};
  fault.intended_start_ns = (from_ms - 20) * kMs;
  fault.intended_end_ns = (to_ms - 20) * kMs;
  fault.actual_start_ns = from_ms * kMs;
  fault.actual_end_ns = to_ms * kMs;
  fault.undo = UndoState::verified;
  fault.proof = Value::map({{"bit", bit}});
  FaultNodeRecord node;
  node.node = "n1";
  node.apply = ApplyState::done;
  node.undo = UndoState::verified;
  node.applied_ns = fault.actual_start_ns;
  node.undone_ns = fault.actual_end_ns;
  node.proof = Value::map({{"bit", bit}, {"ipv4_packets_dropped", 158}, {"probes_failed", 4}});
  fault.nodes = {node};
  return fault;
}

// A run of one client that reads every 100 ms, each read taking 10 ms; those from `down_ms` to `back_ms` fail.
class SmallRun {
 public:
  explicit SmallRun(int length_ms = 12000, int down_ms = 3000, int back_ms = 7500) {
    recorder_ = must(Recorder::create(folder_.path(), some_run(), clock_));
    for (int ms = 0; ms < length_ms; ms += 100) {
      clock_.advance(std::chrono::milliseconds(90));
      const auto handle = must(recorder_->invoke(0, 0, "n1", Name("read"), Value()));
      clock_.advance(std::chrono::milliseconds(10));
      must(recorder_->complete(handle, ms >= down_ms && ms < back_ms ? OpType::fail : OpType::ok, Value(ms)));
    }
  }

  Recorder& recorder() { return *recorder_; }
  ManualClock& clock() { return clock_; }
  const std::string& path() const { return folder_.path(); }
  RunFile close() {
    must(recorder_->finish("done"));
    return must(open_run(folder_.path()));
  }

 private:
  RunFolder folder_;
  ManualClock clock_;
  std::unique_ptr<Recorder> recorder_;
};

inline Judgement judgement_of(const char* checker, Validity valid, std::string reason = "") {
  Judgement judgement;
  judgement.verdict.checker = checker;
  judgement.verdict.valid = valid;
  judgement.verdict.reason = std::move(reason);
  return judgement;
}

inline std::string page_of(const RunFile& file, std::vector<Judgement> judgements) {
  Outcome outcome = must(read_outcome(file));
  for (Judgement& judgement : judgements) outcome.judgements.push_back(std::move(judgement));
  return must(report_page(file, outcome));
}

}  // namespace shaketable::testing
