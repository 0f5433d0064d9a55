#pragma once
// Values as the run's file keeps them: JSON text that gives back exactly the value it was made of
// (docs/history-format.md). What JSON has no word for is an object with one key that begins with a dollar: {"$keyword":
// "x"}, {"$set": [...]},
// {"$map": [[key, value], ...]}, {"$real": "nan"}, {"$bytes": "hex of a string that is not UTF-8"}.

#include <string>
#include <string_view>

#include "base/result.h"
#include "history/value.h"

namespace shaketable {

// Appends. False when `value` is nested deeper than parse_stored() reads back; `out` is then of no use.
[[nodiscard]] bool append_stored(std::string& out, const Value& value);

// Errors are bad_input: not what append_stored() writes.
Result<Value> parse_stored(std::string_view text);

}  // namespace shaketable
