#pragma once
// The oracle of shrink() that runs its candidates, each as often as its odds demand.

#include <map>
#include <string>
#include <vector>

#include "orchestrator/campaign/odds.h"
#include "orchestrator/plan/reader.h"
#include "orchestrator/shrink/sequential.h"
#include "orchestrator/shrink/shrink.h"

namespace shaketable {

struct OracleOptions {
  std::string plan_text, plan_path, plan_directory, plan_name;  // what is changed into each candidate's plan
  std::vector<std::string> set;                                 // beside the candidate's own changes
  std::vector<std::string> violations;                          // any of these is the violation: "set: lost"
  std::string folder;                                           // candidate N's plan and runs go to folder/N
  std::string lab;                                              // of labs, the first part of their names
  bool on_labs = true;                                          // else on nodes that must be clean after every run
  std::uint64_t seed = 0;                                       // of the first repetition; others count on from it
  int at_once = 1;  // repetitions side by side; 1 where the nodes are no lab
  int runs_max = 200;
  Nanos time_max = std::chrono::hours(6);
  double error = 0.1;  // of the sequential test
};

struct Question {
  std::string what;
  int hits = 0, trials = 0;
  bool yes = false;
};

// One thread.
class RunOracle {
 public:
  RunOracle(OracleOptions options, const Catalogue& catalogue, PlanOptions plan_options);

  // Runs the candidate until it has shown the violation three times or been run `most` times: the odds that the others
  // are measured by, as (hits + 1) / (trials + 2), Laplace's rule of succession. 0: it never did.
  Result<double> measure(const Candidate& candidate, int most);

  // SequentialTest between the odds that were measured and a quarter of them. Once the runs or the time allowed are
  // used up, or a signal came, the answer is `false` to everything, and exhausted() says why. A candidate that is not a
  // good plan is answered `false`. Errors: runs fail for want of infrastructure again and again, or nodes that are no
  // lab are not clean.
  Result<bool> ask(const Candidate& candidate, const std::string& what);

  const std::string& exhausted() const { return exhausted_; }
  const std::vector<Question>& questions() const { return questions_; }
  int runs() const { return runs_; }
  double often() const { return often_; }
  // What the runs of this candidate have shown.
  Question seen(const Candidate& candidate) const;
  Result<std::string> plan_of(const Candidate& candidate) const;

 private:
  struct Tried {
    Question question;
    bool answered = false;
  };
  // Runs `count` repetitions and adds what they say, in their order.
  Result<void> repeat(const std::string& plan, int count, std::vector<bool>& hits);
  bool spent();

  const OracleOptions options_;
  const Catalogue& catalogue_;
  const PlanOptions plan_options_;
  const SteadyClock clock_;
  double often_ = 0.5;
  int candidates_ = 0, runs_ = 0;
  std::string exhausted_;
  std::map<std::string, Tried> tried_;  // by the plan's text
  std::vector<Question> questions_;
};

}  // namespace shaketable
