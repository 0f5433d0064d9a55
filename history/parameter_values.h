#pragma once
// Parameters as data, as run files keep them and people read them.

#include "base/parameters.h"
#include "base/result.h"
#include "history/value.h"

namespace shaketable {

// One parameter as a JSON-like value; parameter_from() makes the same parameter of it again. A duration is a text with
// the largest unit that divides it.
Value parameter_value(const ParameterValue& value);
// bad_input: the value is of another type than the description wants.
Result<ParameterValue> parameter_from(const Value& value, const ParameterSpec& spec);
ParameterValue parameter_of(const Parameters& from, const ParameterSpec& spec);

}  // namespace shaketable
