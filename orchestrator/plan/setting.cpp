#include "orchestrator/plan/setting.h"

#include "orchestrator/plan/fields.h"

namespace shaketable {

Result<ParameterValue> read_setting(std::string_view value, const ParameterSpec& spec, const std::string& option) {
  if (value.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return bad_input(option + ": " + spec.name + " has no value");
  Problems problems;
  const Source& source = problems.add_option(option);
  const YamlPtr parsed = parse_yaml(value, source, problems);
  if (!parsed || !problems.empty()) return Failure(problems.error());
  Yaml node = *parsed;
  node.place = {&source, 0, 0};
  auto read = to_parameter(node, spec, problems);
  if (!read) return Failure(problems.error());
  return std::move(*read);
}

}  // namespace shaketable
