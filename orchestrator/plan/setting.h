#pragma once
// One parameter from the command line, read as a plan reads it.

#include <string>
#include <string_view>

#include "base/parameters.h"
#include "base/result.h"

namespace shaketable {

// `value` is a YAML scalar or flow value ("5s", "[a, b]", "{x: 1}"); `option` is what was typed, for the message.
// bad_input: "--set total=x: total must be a whole number, not \"x\"".
Result<ParameterValue> read_setting(std::string_view value, const ParameterSpec& spec, const std::string& option);

}  // namespace shaketable
