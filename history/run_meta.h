#pragma once
// The `meta` table of a run's file (docs/history-format.md) in memory.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "history/database.h"

namespace shaketable {

using Meta = std::map<std::string, std::string, std::less<>>;

std::uint64_t number_of(const Meta& meta, std::string_view key);  // 0 if it is not there
std::string text_of(const Meta& meta, std::string_view key);      // empty if it is not there

// Adds what the table holds; `where` is the schema, "main" or "temp".
Result<void> load_meta(Database& database, std::string_view where, Meta& meta);

}  // namespace shaketable
