#pragma once
// The whole outcome of a run, put together from its file and its verdicts: what `run`, `check RUN` and `report` print
// and what decides their exit code.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "history/run_file.h"
#include "orchestrator/judge/judge.h"
#include "orchestrator/report/clocks.h"
#include "orchestrator/report/exit_code.h"
#include "orchestrator/report/figures.h"

namespace shaketable {

// Keys of the run file's `meta` that the orchestrator writes; values are JSON.
inline constexpr const char* kMetaChecks = "checks";               // how the plan wants the history judged
inline constexpr const char* kMetaUncleanNodes = "unclean_nodes";  // {node: why}
inline constexpr const char* kMetaRecovery = "recovery";  // {"healthy":true,"after_ns":N} or {"healthy":false,"why":…}
inline constexpr const char* kMetaInfrastructure = "infrastructure";  // a sentence: what of ours failed during the run
inline constexpr const char* kMetaHealthyAt = "healthy_at_ns";        // when the cluster was first seen healthy
inline constexpr const char* kMetaRepeat = "repeat";                  // the command that repeats the run
inline constexpr const char* kMetaModel = "model";  // the system model that a verdict holds in, in words
inline constexpr const char* kWhyInterrupted = "interrupted by a signal";

struct FaultLine {
  std::int64_t id = 0;
  std::string fault, text;  // "partition", "n1 deaf to n2 n3"
  std::vector<std::string> targets;
  std::int64_t start_ns = 0, end_ns = kNotYet;  // actual
  bool proved = false, verified = false;
};

struct FaultCounts {
  std::size_t applied = 0, proved = 0, verified = 0;
  std::vector<FaultLine> applied_ones;
  std::vector<std::string> unproved;  // "partition 3 (halves): dropped nothing"
};

struct Outcome {
  std::string run;  // folder
  std::string plan, system, repeat;
  std::string model;  // the system model that the verdict holds in; empty: an older version recorded the run
  std::uint64_t seed = 0;
  std::vector<Judgement> judgements;  // checkers', and "recovery" when faults were there to recover from
  FaultCounts faults;
  ClockReport clocks;
  Figures figures;                                                 // of the load; empty until somebody read the history
  std::vector<std::pair<std::string, std::string>> unclean_nodes;  // name, why
  std::string infrastructure;                                      // empty: nothing failed
  std::vector<std::string> doubts;  // why a pass would say too little: each makes it `unknown`
  std::vector<std::string> notes;   // damage to the file and the like
  bool interrupted = false;

  Validity validity() const;  // the worst of the judgements and doubts
  ExitCode code() const;
};

// Reads what the file knows besides verdicts; `judgements` are added by the caller.
Result<Outcome> read_outcome(const RunFile& file);

std::string outcome_text(const Outcome& outcome);  // several lines, verdict first
Value outcome_json(const Outcome& outcome);

// The checks of a plan as they stand in the file, and back. The JSON names only what differs from the defaults.
Value checks_json(const std::vector<CheckPlan>& checks);
Result<std::vector<CheckPlan>> checks_from_json(std::string_view text);

// The judgement that a verdict in the file recorded (its JSON as judgement_json wrote it).
Result<Judgement> recorded_judgement(const VerdictRecord& record);

}  // namespace shaketable
