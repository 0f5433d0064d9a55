#include "orchestrator/plan/parts.h"

namespace shaketable {

void read_findings(Fields& top, Plan& plan) {
  const YamlEntry* entry = top.entry("findings");
  if (!entry) return;
  Fields fields(*entry->value, entry->place, "findings", top.problems());
  for (const auto& [key, out] : {std::pair{"crashes", &plan.findings.crashes}, std::pair{"logs", &plan.findings.logs}})
    if (const Yaml* node = fields.find(key))
      if (const auto word = to_choice(*node, key, top.problems(), {"fail", "note", "off"})) *out = *word;
  fields.finish();
}

}  // namespace shaketable
