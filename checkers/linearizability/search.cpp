#include "checkers/linearizability/search.h"

#include "checkers/linearizability/search_parts.h"

namespace shaketable::linearizability {

std::unique_ptr<Search> make_search(const Problem& problem, const Model& model, const Interner& values,
                                    std::size_t horizon, Ledger& ledger) {
  return model.is_register() ? make_register_search(problem, ledger)
                             : make_table_search(problem, model, values, horizon, ledger);
}

Trace trace_failure(const Problem& problem, const Model& model, const Interner& values, std::size_t failed) {
  return model.is_register() ? trace_register_failure(problem, failed)
                             : trace_table_failure(problem, model, values, failed);
}

}  // namespace shaketable::linearizability
