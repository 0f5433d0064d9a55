#pragma once
// Runs that were kept: where they lie, how they were last judged, and what another judging changed.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "history/run_file.h"
#include "orchestrator/judge/judge.h"

namespace shaketable {

// The folders of the runs in `directory` and below it, sorted; links are not followed, and runs are not looked into.
// bad_input: it cannot be listed.
Result<std::vector<std::string>> find_runs(const std::string& directory);

// What stands for the paths of a command line such as `check results/*`: folders of several runs by the runs in them,
// and each run once, however many links lead to it. Of several paths, those that are certainly neither a run nor a
// history (README.md) go to `passed_over`; one alone always stays.
std::vector<std::string> runs_and_histories(const std::vector<std::string>& paths,
                                            std::vector<std::string>& passed_over);

// Of each checker the last verdict in the file, in the order of the first ones.
Result<std::vector<VerdictRecord>> newest_verdicts(const RunFile& file);

struct VerdictChange {
  std::string checker;
  Validity was = Validity::unknown, is = Validity::unknown;
  std::string version;              // of ours, which judged it last
  std::int64_t judged_wall_ns = 0;  // and when
};
// What differs between the verdicts recorded before and those of now; a checker that only one side has is none.
std::vector<VerdictChange> verdict_changes(const std::vector<VerdictRecord>& before, const std::vector<Judgement>& now);
// "linearizable was valid (version 0.1.0, 2026-11-21 04:51:39 UTC) and is INVALID"
std::string change_text(const VerdictChange& change);
Value change_json(const VerdictChange& change);

Validity validity_named(std::string_view name);    // of a VerdictRecord: "true", "false", "unknown"
std::string wall_time_text(std::int64_t wall_ns);  // "2026-11-21 04:51:39 UTC"

}  // namespace shaketable
