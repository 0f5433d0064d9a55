#pragma once
// The parts of the plan reader, one .cpp each. They add what is wrong to the problems and go on with defaults.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/plan/document.h"
#include "orchestrator/plan/fields.h"
#include "orchestrator/plan/plan.h"
#include "orchestrator/plan/problems.h"
#include "orchestrator/plan/reader.h"

namespace shaketable {

struct Reading {
  const Catalogue& catalogue;
  const PlanOptions& options;
  Problems& problems;
  std::string directory;  // relative names start here

  // A file name as a plan writes it, made usable: `~/` is the home directory, relative names start at `directory`.
  // Empty after a problem.
  std::string file_name(const Yaml& node, std::string_view name) const;
  // The same, and the file must be there and readable (unless files are not needed).
  std::string existing_file(const Yaml& node, std::string_view name) const;
};

// `NAME`, or a map with `name` (or `fallback` for its lack); the map's other keys are the caller's.
struct NamedMap {
  std::string name;  // empty: absent, or wrong and reported
  Place name_place;
  YamlPtr map;  // a map or null
};
NamedMap named_map(const YamlEntry& entry, std::string_view form, Problems& problems, const std::string& fallback = "");

const Described* look_up(const std::map<std::string, Described>& known, const std::string& name, std::string_view noun,
                         const Place& place, Problems& problems);

// The parameters that one fault or checker gets: a map, nothing, or the short form of its main parameter.
Parameters read_given(const Yaml& value, const Place& place, const std::string& what, const Described& described,
                      Problems& problems);

void apply_overrides(YamlPtr& tree, const PlanOptions& options, Problems& problems);

// Puts the nodes of --nodes-file into the tree, so that the recorded plan has them. False: the file cannot be read.
bool apply_nodes_file(YamlPtr& tree, const PlanOptions& options, Problems& problems);

void read_cluster(Fields& top, Reading& reading, Plan& plan);
void read_system_choice(Fields& top, Reading& reading, Plan& plan);
void read_findings(Fields& top, Plan& plan);
void read_model(Fields& top, Plan& plan);  // before the faults, which it bounds
void read_faults(Fields& top, Reading& reading, Plan& plan);
void read_workload(Fields& top, Reading& reading, Plan& plan);
void read_client(Fields& top, Reading& reading, Plan& plan);

std::optional<SystemSpec> read_system_text(std::string_view text, const std::string& path, Problems& problems);

}  // namespace shaketable
