#pragma once
// From the schedule of a run that found a violation to the smallest that still does. Pure: whether a candidate shows it
// is asked of an oracle, which runs it as often as its odds demand (oracle.h), or plays dice in a test.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "history/run_file.h"
#include "nemesis/schedule.h"
#include "orchestrator/plan/plan.h"

namespace shaketable {

struct ShrinkFault {
  std::string fault;
  Parameters options;  // what was drawn at random is named, as far as a plan can name it
  Nanos at{0}, lasts{0};
  std::vector<std::string> targets;  // nodes it hit when it was recorded
};

// What is made smaller. Load values that are 0 are not the candidate's business (a rate without bound, open load).
struct Candidate {
  std::vector<ShrinkFault> faults;  // in the order of their beginnings
  Nanos time_limit{0};
  int workers = 0;
  double rate = 0;
};

struct ShrinkSteps {
  bool faults = true, targets = true, durations = true, load = true;
  double resolution = 0.1;  // of durations and load
};

// Answers whether the candidate shows the violation. `what` says in words what was tried.
using CandidateOracle = std::function<Result<bool>(const Candidate& candidate, const std::string& what)>;

// The recorded faults of a run, as a plan can say them again. `left_to_chance`: in words, what a plan cannot pin down.
// bad_input: as of recorded_schedule().
Result<Candidate> recorded_candidate(const RunFile& run, const Plan& plan, std::vector<std::string>& left_to_chance);

// Faults by ddmin; targets of each by ddmin; then how long each lasts, when it begins and how long the load goes on, by
// bisection; then rate and workers, by bisection. `start` is taken to show the violation. What an error cuts short is
// lost; an oracle that wants an end says `false` to everything.
Result<Candidate> shrink(const Candidate& start, const ShrinkSteps& steps, const CandidateOracle& shows);

// As `--set` takes it: the candidate's schedule and load, in place of the plan's.
std::vector<std::string> plan_changes(const Candidate& candidate);
std::string candidate_text(const Candidate& candidate);  // "partition {shape: primaries} at 3s for 5s; load 18s"

}  // namespace shaketable
