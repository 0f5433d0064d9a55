#include "checkers/linearizability/model.h"
#include "checkers/linearizability/models/multi_register.h"
#include "checkers/linearizability/models/register.h"

namespace shaketable::linearizability {

const std::vector<ModelEntry>& models() {
  static const std::vector<ModelEntry> all = {
      {{"register", "one value: read, write V"}, make_register},
      {{"cas-register", "one value: read, write V, cas [old new]"}, make_cas_register},
      {{"multi-register", "several registers: txn [[read K V] [write K V] ...], read [K V], write [K V]"},
       make_multi_register},
  };
  return all;
}

}  // namespace shaketable::linearizability
