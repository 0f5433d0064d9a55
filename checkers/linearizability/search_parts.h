#pragma once
// The two halves of make_search() and trace_failure(): templates that take long to compile, one file each.

#include <memory>

#include "checkers/linearizability/search.h"

namespace shaketable::linearizability {

std::unique_ptr<Search> make_register_search(const Problem& problem, Ledger& ledger);
Trace trace_register_failure(const Problem& problem, std::size_t failed);

std::unique_ptr<Search> make_table_search(const Problem& problem, const Model& model, const Interner& values,
                                          std::size_t horizon, Ledger& ledger);
Trace trace_table_failure(const Problem& problem, const Model& model, const Interner& values, std::size_t failed);

}  // namespace shaketable::linearizability
