#pragma once
// Values as EDN and as JSON text. Both directions; what JSON cannot say (keywords, sets, maps with keys that are not
// strings) is written as the nearest thing it can: keywords as strings, sets as arrays, keys as their EDN text.

#include <string>
#include <string_view>

#include "base/result.h"
#include "history/value.h"

namespace shaketable {

std::string to_edn(const Value& value);
std::string to_json(const Value& value);

// The whole text must be one value. Nesting is limited to 256 levels. Errors say column and what was expected.
// EDN: tagged literals and records give their content, symbols give strings, characters one-letter strings,
// ratios and big numbers that do not fit are reals.
Result<Value> parse_edn(std::string_view text);
Result<Value> parse_json(std::string_view text);

}  // namespace shaketable
