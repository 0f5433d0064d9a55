#pragma once
// Carries journal records over into the tables of a history: while a run is recorded, when a dead run's journal is
// merged, and into temporary tables when it may only be merged in memory. Records come in order, inside a transaction
// of the caller's.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "history/database.h"
#include "history/journal.h"
#include "history/records.h"

namespace shaketable {

// Of the fields as they stand in a row; a row holds the sum of the two. 32 bits each. A due time below 0 is none, and
// leaves the sum as it was before there were any (schema 1).
std::int64_t invocation_checksum(std::int64_t position, std::int64_t time_ns, std::int64_t process, std::int64_t worker,
                                 std::string_view node, std::string_view f, std::string_view value,
                                 std::int64_t due_ns);
std::int64_t completion_checksum(std::int64_t position, std::int64_t completed, std::int64_t time_ns,
                                 std::string_view type, std::string_view result, std::string_view error);

class RowWriter {
 public:
  // With `temporary`, rows go to the schema `temp`, and a row of `main` that changes is copied there first.
  static Result<RowWriter> create(Database& database, bool temporary);

  // Views into the record's memory are kept until flush().
  Result<void> take(RecordView record);
  // Everything taken is in the tables, and `meta` says so.
  Result<void> flush();

  // Forgets what was taken since the last flush().
  void discard() {
    rows_.clear();
    row_of_.clear();
  }

  void start_at(std::uint64_t sequence, std::uint64_t events) {
    next_sequence_ = sequence;
    events_ = events;
  }
  std::uint64_t next_sequence() const { return next_sequence_; }
  std::uint64_t events() const { return events_; }  // in total order, holes included

 private:
  RowWriter() = default;
  Result<void> take_completion(RecordView record);
  Result<void> insert_rows();

  struct Row {
    RecordView invocation, completion;
  };
  bool temporary_ = false;
  Database* database_ = nullptr;
  std::vector<Row> rows_;              // by position
  std::vector<std::uint32_t> row_of_;  // by position - first_position_
  std::uint64_t first_position_ = 0;
  std::uint64_t next_sequence_ = 0, events_ = 0;
  Statement insert_, complete_, fetch_, fault_, node_, clock_offset_, note_, meta_;
};

// As they travel in the journal: stored JSON, one list.
std::string to_record(const FaultRecord& fault);
std::string to_record(const NodeRecord& node);
std::string to_record(const ClockOffsetRecord& offset);
std::string to_record(const NoteRecord& note);
std::string meta_record(std::string_view key, std::string_view value);

// The per-node part of a fault, as the column `nodes` has it.
Result<std::vector<FaultNodeRecord>> parse_fault_nodes(std::string_view text);
Result<UndoState> parse_undo_state(std::string_view text);

}  // namespace shaketable
