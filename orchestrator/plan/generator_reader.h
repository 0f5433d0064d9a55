#pragma once
// Generators that are data, from a plan's YAML (docs/generators.md).

#include <string>
#include <vector>

#include "orchestrator/plan/fields.h"
#include "orchestrator/plan/generator_names.h"
#include "workloads/generator_spec.h"

namespace shaketable {

// What is wrong goes to `problems`; then the answer is of no use.
GeneratorSpec read_generator(const Yaml& node, Problems& problems);
ValueSpec read_value_spec(const Yaml& node, GeneratorNames& names, Problems& problems);
void read_distribution(Fields& fields, std::string& distribution, double& skew, Problems& problems);

// What a plan can write, for `shaketable list generators` and `values`.
struct PlanForm {
  std::string name, about;
  std::string example;  // that the reader takes
};
std::vector<PlanForm> generator_forms();
std::vector<PlanForm> value_forms();

}  // namespace shaketable
