#pragma once
// What two runs have in common and what not: verdicts, plan, seed, versions, faults, and what came of the operations.

#include <string>
#include <vector>

#include "base/result.h"
#include "history/value.h"

namespace shaketable {

// Lines of the one text that the other lacks ('-') or has more of ('+'), by the longest common subsequence (Hunt &
// McIlroy 1976); common lines are left out. Memory: the product of the numbers of lines, after equal ends are cut.
std::vector<std::string> line_diff(const std::string& a, const std::string& b);

struct RunDiff {
  struct Row {
    std::string what, a, b;
    bool differs() const { return a != b; }
  };
  std::vector<Row> rows;          // what can be put side by side, differing or not
  std::vector<std::string> plan;  // line_diff of the plans as run
};

// `a` and `b` are folders of runs. Reads each history once. Errors as of open_run().
Result<RunDiff> diff_runs(const std::string& a, const std::string& b);
std::string diff_text(const RunDiff& diff);  // the rows that differ, the plan's lines, or that nothing does
Value diff_json(const RunDiff& diff);

}  // namespace shaketable
