#pragma once
// An outcome as continuous integration takes it. docs/ci.md says what reads which.

#include <string>

#include "orchestrator/report/outcome.h"

namespace shaketable {

// JUnit XML as Jenkins' and GitLab's readers take it (tests/orchestrator/report/junit.xsd): one case for each checker,
// one for the nodes' cleanness; what is unknown is an error, not a failure; faults are properties.
std::string outcome_junit(const Outcome& outcome);

// Workflow commands of GitHub Actions, a line each: an error for every violation and for every node that is not proved
// clean, a warning for what leaves the run undecided. Empty when there is nothing to say.
std::string github_annotations(const Outcome& outcome);

// Markdown for GITHUB_STEP_SUMMARY: verdict, checkers, faults, figures, and the command that repeats the run.
std::string github_summary(const Outcome& outcome);

// The text format of Prometheus 0.0.4, as its node_exporter's textfile collector and its pushgateway read it: gauges
// named shaketable_…, with the labels plan and system.
std::string prometheus_text(const Outcome& outcome);

}  // namespace shaketable
