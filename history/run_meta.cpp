#include "history/run_meta.h"

#include <fmt/format.h>

#include <charconv>

namespace shaketable {

std::uint64_t number_of(const Meta& meta, std::string_view key) {
  const auto found = meta.find(key);
  std::uint64_t number = 0;
  if (found != meta.end()) std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

std::string text_of(const Meta& meta, std::string_view key) {
  const auto found = meta.find(key);
  return found == meta.end() ? std::string() : found->second;
}

Result<void> load_meta(Database& database, std::string_view where, Meta& meta) {
  Result<Statement> rows = database.prepare(fmt::format("SELECT key, value FROM {}.meta", where));
  if (!rows) return tl::unexpected(rows.error());
  while (true) {
    Result<bool> row = rows->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return {};
    meta.insert_or_assign(std::string(rows->text(0)), std::string(rows->text(1)));
  }
}

}  // namespace shaketable
