#include "history/run_merge.h"

#include "history/database.h"
#include "history/run_file.h"

namespace shaketable {

Result<void> replay(const JournalCopy& copy, RowWriter& rows, const Meta& meta) {
  rows.start_at(number_of(meta, "journal_sequence"), number_of(meta, "events"));
  for (const RecordView& record : copy.records)
    if (auto taken = rows.take(record); !taken) return taken;
  return rows.flush();
}

namespace {

Result<void> merge_inside_transaction(Database& database, JournalCopy& copy) {
  Meta meta;
  if (auto loaded = load_meta(database, "main", meta); !loaded) return loaded;
  find_records(copy, number_of(meta, "run_id"), number_of(meta, "journal_sequence"), false);
  Result<RowWriter> rows = RowWriter::create(database, false);
  if (!rows) return tl::unexpected(rows.error());
  if (auto replayed = replay(copy, *rows, meta); !replayed) return replayed;
  std::string damage = text_of(meta, "damage");
  for (const std::string& one : copy.damage) damage += one + "\n";
  Result<Statement> set = database.prepare("INSERT OR REPLACE INTO meta VALUES(?1,?2)");
  if (!set) return tl::unexpected(set.error());
  Meta changed = {{"damage", damage}};
  Meta now;
  if (auto loaded = load_meta(database, "main", now); !loaded) return loaded;
  if (text_of(now, "state") == to_string(RunState::running)) changed["state"] = to_string(RunState::interrupted);
  if (damage.empty()) changed.erase("damage");
  for (const auto& [key, value] : changed) {
    set->bind(1, std::string_view(key));
    set->bind(2, std::string_view(value));
    if (auto done = set->run(); !done) return done;
  }
  return {};
}

}  // namespace

Result<void> merge_into_file(const std::string& path, JournalFile& journal) {
  Result<JournalCopy> copy = journal.copy();
  if (!copy) return tl::unexpected(copy.error());
  Result<Database> database = Database::open(path, Database::Mode::read_write);
  if (!database) return tl::unexpected(database.error());
  if (auto known = check_schema(*database); !known) return known;
  // The commit must be on the disk before the journal goes.
  if (auto begun = database->execute("PRAGMA synchronous=FULL; BEGIN IMMEDIATE"); !begun) return begun;
  if (auto upgraded = upgrade_schema(*database); !upgraded) return upgraded;
  if (auto merged = merge_inside_transaction(*database, *copy); !merged) return merged;
  if (auto done = database->execute("COMMIT"); !done) return done;
  journal.remove();
  database->make_plain();
  return {};
}

}  // namespace shaketable
