#pragma once
// Generators that are data, from a plan's YAML (docs/generators.md).

#include <string>

#include "orchestrator/plan/fields.h"
#include "workloads/generator_spec.h"

namespace shaketable {

// What is wrong goes to `problems`; then the answer is of no use.
GeneratorSpec read_generator(const Yaml& node, Problems& problems);
ValueSpec read_value_spec(const Yaml& node, Problems& problems);
void read_distribution(Fields& fields, std::string& distribution, double& skew, Problems& problems);

}  // namespace shaketable
