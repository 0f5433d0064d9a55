#pragma once
// Options of a checker, from a map of names to values, as the checker describes them.

#include <string_view>
#include <vector>

#include "base/parameters.h"
#include "base/result.h"
#include "history/value.h"

namespace shaketable::aggregate {

// Fallbacks where `given` (a map, or nil) says nothing. Durations are texts such as "250ms", or seconds. Errors are
// bad_input: an unknown name, with the nearest known one, or a value of another type.
Result<Parameters> options_of(std::string_view checker, const std::vector<ParameterSpec>& specs, const Value& given);

}  // namespace shaketable::aggregate
