#pragma once
// Values as EDN and as JSON text. Both directions. What JSON cannot say is written as the nearest thing it can:
// keywords as strings, sets as arrays, keys that are neither string nor keyword as their EDN text, NaN and the
// infinities as strings. A keyword that EDN has no spelling for (one with a space in it) is written as a string; bytes
// that are not UTF-8 as U+FFFD.

#include <string>
#include <string_view>

#include "base/result.h"
#include "history/value.h"

namespace shaketable {

std::string to_edn(const Value& value);
std::string to_json(const Value& value);
void append_edn(std::string& out, const Value& value);
void append_json(std::string& out, const Value& value);

// The whole text must be one value, in UTF-8. Nesting is limited to 256 levels. Errors are bad_input and say column and
// what was expected: `column 9: found "]", expected a value for the key before it`.
// EDN: tagged literals and records give their content, symbols give strings, characters one-letter strings, regular
// expressions their text; ratios, M decimals and integers beyond 64 bits are reals; #_ forms, metadata and comments are
// skipped. JSON: as RFC 8259 has it and nothing more; integers beyond 64 bits are reals; of equal keys the last stands.
Result<Value> parse_edn(std::string_view text);
Result<Value> parse_json(std::string_view text);

// Whether ":" + text is one keyword of EDN.
bool is_edn_name(std::string_view text);

}  // namespace shaketable
