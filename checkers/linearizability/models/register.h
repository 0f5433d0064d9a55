#pragma once

#include "checkers/linearizability/model.h"

namespace shaketable::linearizability {

// One value. `read` of the value, `write` of a value, and for a cas-register `cas` with [old new], which succeeds, and
// then only happens, if the value is old. Initially nil.
std::unique_ptr<const Model> make_register(const LinearizableOptions& options);
std::unique_ptr<const Model> make_cas_register(const LinearizableOptions& options);

// A register that is one of several: `name` says which.
std::unique_ptr<const Model> make_named_register(std::string name);

}  // namespace shaketable::linearizability
