#pragma once
// Records a run into its folder: `history.db` (SQLite) and, while the run lasts, `history.journal`
// (docs/history-format.md).
//
// What invoke(), complete() and record() were told is in the journal, a mapped file, when they return: it survives
// `kill -9` of this process, though not a power failure of the machine. One thread of the recorder's own carries it
// over into SQLite. The journal is a ring of segments, so memory and disk stay flat; when the disk stalls for longer
// than the ring lasts, recording waits, and when it stalls for longer than RecorderOptions::stall_limit, recording
// fails.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "history/operation.h"
#include "history/records.h"

namespace shaketable {

struct RecorderOptions {
  std::size_t segment_bytes = 4u << 20;                 // a record (one event) must fit into a segment
  std::size_t segments = 8;                             // at 100,000 operations a second: about three seconds
  Nanos commit_every = std::chrono::milliseconds(100);  // how far `history.db` may lag behind the journal
  Nanos stall_limit = std::chrono::seconds(30);         // recording fails once nothing could be committed for so long
};

struct OpHandle {
  std::uint64_t position = 0;  // of the invocation, in the total order of the run's events: 0, 1, 2 …
  std::int64_t time_ns = 0;
};

struct RecorderCounters {
  std::uint64_t events = 0;     // invocations and completions
  std::uint64_t committed = 0;  // of these, in SQLite
  std::uint64_t commits = 0;
  std::uint64_t waits = 0;  // how often recording waited for the disk
  Nanos longest_commit{0};
};

// Every function may be called by any thread.
class Recorder {
 public:
  // The folder must exist and hold no history.db yet. `clock` must outlive the recorder; its zero is the start of the
  // run.
  static Result<std::unique_ptr<Recorder>> create(const std::string& folder, const RunInfo& info, const Clock& clock,
                                                  const RecorderOptions& options = {});
  ~Recorder();  // without finish(): everything is kept, and the run reads as interrupted

  // Position and time are taken together, under one lock: events are in the order of their times. `node`: who was
  // asked, may be empty. `due_ns`: when it was to begin (Operation::due_ns), -1: nothing was fixed. Errors: the history
  // can no longer be written; the request must then not be sent.
  Result<OpHandle> invoke(std::int64_t process, std::int64_t worker, std::string_view node, Name f, const Value& value,
                          std::int64_t due_ns = -1);
  // Once for each invocation, or never. Returns the time. A result too large for a segment is recorded as info.
  // Errors: could not be recorded; the operation then reads as never completed, which is sound.
  Result<std::int64_t> complete(const OpHandle& operation, OpType type, const Value& value, const Value& error = {});

  Result<void> record(const FaultRecord& fault);
  Result<void> record(const NodeRecord& node);  // again under the same name: replaced
  Result<void> record(const ClockOffsetRecord& offset);
  Result<void> note(std::string_view text);
  Result<void> set_meta(std::string_view key, std::string_view value);  // "system_version" and the like

  // Waits until all is in SQLite and the journal is gone, and marks the run as ended. Nothing can be recorded after it.
  // Errors leave the journal in place: the next who opens the file merges it.
  Result<void> finish(std::string_view why_ended);

  // What went wrong with writing, once recording has failed.
  std::optional<Error> failure() const;
  RecorderCounters counters() const;
  const std::string& path() const;  // FOLDER/history.db

 private:
  class Impl;
  explicit Recorder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  const Clock* clock_ = nullptr;
};

}  // namespace shaketable
