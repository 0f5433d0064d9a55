#pragma once
// Writes what the nemesis tells into the run's file: each fault's record, and its beginning and end as events of the
// nemesis in the history (start-partition, stop-partition, as Jepsen names them).

#include <set>

#include "history/recorder.h"
#include "nemesis/fault_log.h"

namespace shaketable {

// Called by the nemesis's thread. A record that cannot be written is logged: faults are undone all the same.
class FaultRecorder final : public FaultLog {
 public:
  explicit FaultRecorder(Recorder& recorder) : recorder_(recorder) {}
  void record(const FaultReport& report) override;

 private:
  void event(const std::string& f, const FaultReport& report);

  Recorder& recorder_;
  std::set<std::int64_t> started_, ended_;
};

FaultRecord fault_record(const FaultReport& report);

}  // namespace shaketable
