#pragma once
// A small catalogue and helpers for the plan tests. The names are those of the real program where it has them, so that
// the tests read like plans; the tests of orchestrator/ read configs/ with the real catalogue.

#include <fstream>
#include <string>

#include "orchestrator/plan/reader.h"

namespace shaketable {

const Catalogue& sample_catalogue();

// A directory of the test's own, removed with everything in it.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }
  std::string write(const std::string& name, std::string_view text) const;  // answers the whole path

 private:
  std::string path_;
};

// A plan text that says nothing of its own, with `more` put after it.
std::string minimal(const std::string& more = "");

// Reads `text` as "plan.yaml" beside tests/orchestrator/plan/data; the error's whole message, or "" when it is right.
std::string complaint(std::string_view text, PlanOptions options = {});
Plan plan_of(std::string_view text, PlanOptions options = {});  // fails the test when the plan is wrong

}  // namespace shaketable
