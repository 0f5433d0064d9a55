#include "nemesis/agent/firewall.h"
#include "nemesis/agent/kind.h"

namespace shaketable::agent {

const std::vector<const Kind*>& kinds() {
  static const Firewall firewall;
  static const std::vector<const Kind*> all{&firewall};
  return all;
}

const Kind* find_kind(std::string_view name) {
  for (const Kind* kind : kinds())
    if (kind->name() == name) return kind;
  return nullptr;
}

}  // namespace shaketable::agent
