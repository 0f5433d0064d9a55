#pragma once
// Reading what a Recorder wrote: while the run lasts, after it ended, after its controller was killed, years later.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "history/history.h"
#include "history/records.h"

namespace shaketable {

// Used by one thread; several may be open on one run. What is read is the run as it stood when it was opened.
class RunFile {
 public:
  RunFile(RunFile&&) noexcept;
  RunFile& operator=(RunFile&&) noexcept;
  ~RunFile();

  const std::string& path() const;  // of history.db
  const RunInfo& info() const;
  RunState state() const;
  std::int64_t ended_ns() const;  // kNotYet unless ended
  const std::string& why_ended() const;
  std::optional<std::string> meta(std::string_view key) const;
  std::uint64_t events() const;  // invocations and completions
  // What is wrong with the file and could be got round: parts of the journal that are damaged, with how many events are
  // lost. Not empty: the history has holes, and no violation found in it means anything.
  const std::vector<std::string>& damage() const;

  // Every event of the run in total order, the nemesis's too (process kNemesisProcess). An operation that nobody
  // completed has no completion. Memory: the operations open at one time. Errors are bad_input when the file is damaged
  // (it is never passed over in silence: each row has a checksum and positions have no gaps), and the sink's own.
  Result<void> read(OperationSink& sink) const;

  Result<std::vector<FaultRecord>> faults() const;  // by id
  Result<std::vector<ClockOffsetRecord>> clock_offsets() const;
  Result<std::vector<NoteRecord>> notes() const;
  Result<std::vector<VerdictRecord>> verdicts() const;  // oldest first

 private:
  class Impl;
  explicit RunFile(std::unique_ptr<Impl> impl);
  friend Result<RunFile> open_run(const std::string& path, bool may_write);
  std::unique_ptr<Impl> impl_;
};

// A run's folder or its history.db. A journal that a dead recorder left is merged into the file first; when that cannot
// be written (or `may_write` is false) it is merged in memory. Errors are bad_input: absent, empty, not SQLite,
// truncated, of a newer schema, not a history; infrastructure: cannot be read for other reasons.
Result<RunFile> open_run(const std::string& path, bool may_write = true);

// Adds a verdict to a run that has ended or been interrupted.
Result<void> add_verdict(const std::string& path, const VerdictRecord& verdict);

// Whether `path` is a run's folder or looks like its file (by its first bytes, or by its name when it is empty).
bool is_run(const std::string& path);

}  // namespace shaketable
