#include "history/row_writer.h"

#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <charconv>

#include "history/operation.h"
#include "history/stored_value.h"

namespace shaketable {
namespace {

std::uint64_t chain(std::uint64_t seed, std::string_view text) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

constexpr std::string_view kInsert =
    "INSERT OR IGNORE INTO {}.operations VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)";
constexpr std::string_view kComplete =
    "UPDATE {}.operations SET completed=?1, type=?2, result=nullif(?3,value), error=?4, completed_ns=?5, "
    "checksum=checksum+?6 WHERE position=?7 AND completed IS NULL";
constexpr std::string_view kFetch =
    "INSERT OR IGNORE INTO temp.operations SELECT {} FROM main.operations WHERE position=?1";
constexpr std::string_view kFault = "INSERT OR REPLACE INTO {}.faults VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)";
constexpr std::string_view kNode = "INSERT OR REPLACE INTO {}.nodes VALUES(?1,?2,?3)";
constexpr std::string_view kClockOffset = "INSERT INTO {}.clock_offsets VALUES(?1,?2,?3,?4)";
constexpr std::string_view kNote = "INSERT INTO {}.notes VALUES(?1,?2)";
constexpr std::string_view kMeta = "INSERT OR REPLACE INTO {}.meta VALUES(?1,?2)";

std::string stored(const Value& value) {
  std::string text;
  // What does not fit is a proof or parameters nested absurdly deep: never worth losing the rest of a record for.
  if (!append_stored(text, value)) return "\"nested too deep to be recorded\"";
  return text;
}

Value time_value(std::int64_t ns) {
  return ns == kNotYet ? Value() : Value(ns);
}
std::int64_t time_of(const Value& value) {
  return value.is_integer() ? value.integer() : kNotYet;
}

Value nodes_value(const std::vector<FaultNodeRecord>& nodes) {
  std::vector<Value> list;
  for (const FaultNodeRecord& node : nodes)
    list.push_back(Value::map({{"node", node.node},
                               {"apply", to_string(node.apply)},
                               {"undo", to_string(node.undo)},
                               {"applied_ns", time_value(node.applied_ns)},
                               {"undone_ns", time_value(node.undone_ns)},
                               {"proof", node.proof},
                               {"notes", node.notes}}));
  return Value::list(std::move(list));
}

Result<void> add(Statement& into, Database& database, std::string_view sql, std::string_view where) {
  Result<Statement> made = database.prepare(fmt::format(fmt::runtime(sql), where));
  if (!made) return tl::unexpected(made.error());
  into = std::move(*made);
  return {};
}

}  // namespace

std::string_view to_string(UndoState state) {
  switch (state) {
    case UndoState::pending:
      return "pending";
    case UndoState::verified:
      return "verified";
    case UndoState::failed:
      return "failed";
    case UndoState::unknown:
      return "unknown";
  }
  return "?";
}

std::string_view to_string(ApplyState state) {
  switch (state) {
    case ApplyState::pending:
      return "pending";
    case ApplyState::done:
      return "done";
    case ApplyState::failed:
      return "failed";
    case ApplyState::unknown:
      return "unknown";
  }
  return "?";
}

std::string_view to_string(RunState state) {
  switch (state) {
    case RunState::running:
      return "running";
    case RunState::ended:
      return "ended";
    case RunState::interrupted:
      return "interrupted";
  }
  return "?";
}

Result<UndoState> parse_undo_state(std::string_view text) {
  for (UndoState state : {UndoState::pending, UndoState::verified, UndoState::failed, UndoState::unknown})
    if (to_string(state) == text) return state;
  return bad_input(fmt::format("\"{}\" is not the state of an undo", text));
}

std::int64_t invocation_checksum(std::int64_t position, std::int64_t time_ns, std::int64_t process, std::int64_t worker,
                                 std::string_view node, std::string_view f, std::string_view value,
                                 std::int64_t due_ns) {
  const std::int64_t numbers[5] = {position, time_ns, process, worker, due_ns};
  const std::uint64_t hash = XXH3_64bits(numbers, due_ns < 0 ? sizeof(std::int64_t) * 4 : sizeof numbers);
  return static_cast<std::uint32_t>(chain(chain(chain(hash, node), f), value));
}

std::int64_t completion_checksum(std::int64_t position, std::int64_t completed, std::int64_t time_ns,
                                 std::string_view type, std::string_view result, std::string_view error) {
  const std::int64_t numbers[3] = {position, completed, time_ns};
  const std::uint64_t hash = XXH3_64bits(numbers, sizeof numbers);
  return static_cast<std::uint32_t>(chain(chain(chain(hash, type), result), error));
}

Result<RowWriter> RowWriter::create(Database& database, bool temporary) {
  RowWriter writer;
  writer.temporary_ = temporary;
  writer.database_ = &database;
  const std::string_view where = temporary ? "temp" : "main";
  const std::pair<Statement*, std::string_view> statements[] = {
      {&writer.insert_, kInsert}, {&writer.complete_, kComplete}, {&writer.fault_, kFault},
      {&writer.node_, kNode},     {&writer.note_, kNote},         {&writer.clock_offset_, kClockOffset},
      {&writer.meta_, kMeta}};
  for (const auto& [statement, sql] : statements)
    if (auto made = add(*statement, database, sql, where); !made) return tl::unexpected(made.error());
  if (!temporary) return writer;
  Result<std::string> columns = operation_columns(database);
  if (!columns) return tl::unexpected(columns.error());
  if (auto made = add(writer.fetch_, database, kFetch, *columns); !made) return tl::unexpected(made.error());
  return writer;
}

Result<void> RowWriter::take(RecordView record) {
  const RecordHead& head = *record.head;
  next_sequence_ = head.sequence + 1;
  if (record.kind() == RecordKind::invoke || record.kind() == RecordKind::complete) {
    if (row_of_.empty()) first_position_ = head.position;
    events_ = head.position + 1;
    if (record.kind() == RecordKind::complete) return take_completion(record);
    row_of_.resize(head.position - first_position_ + 1, UINT32_MAX);
    row_of_.back() = static_cast<std::uint32_t>(rows_.size());
    rows_.push_back({record, {}});
    return {};
  }
  Result<Value> parsed = parse_stored(record.payload());
  if (!parsed) return tl::unexpected(std::move(parsed.error()).in("a record of the journal"));
  if (!parsed->is_list()) return bad_input("a record of the journal is not a list");
  const auto fields = parsed->items();
  const auto need = [&](std::size_t count) { return fields.size() == count; };
  const Failure malformed = bad_input(fmt::format("a record of kind {} of the journal has another shape", head.kind));
  switch (record.kind()) {
    case RecordKind::fault: {
      if (!need(12)) return malformed;
      const std::string parameters = stored(fields[2]), targets = stored(fields[3]), proof = stored(fields[9]),
                        nodes = stored(fields[10]);
      fault_.bind(1, fields[0].integer());
      fault_.bind(2, fields[1].text());
      fault_.bind(3, parameters);
      fault_.bind(4, targets);
      for (int i = 4; i < 8; ++i) fault_.bind_time(i + 1, time_of(fields[static_cast<std::size_t>(i)]));
      fault_.bind(9, fields[8].text());
      fault_.bind(10, proof);
      fault_.bind(11, nodes);
      fault_.bind(12, fields[11].text());
      return fault_.run();
    }
    case RecordKind::node: {
      if (!need(3)) return malformed;
      const std::string about = stored(fields[2]);
      node_.bind(1, fields[0].text());
      node_.bind(2, fields[1].text());
      node_.bind(3, about);
      return node_.run();
    }
    case RecordKind::clock_offset:
      if (!need(4)) return malformed;
      clock_offset_.bind(1, fields[0].integer());
      clock_offset_.bind(2, fields[1].text());
      clock_offset_.bind(3, fields[2].integer());
      clock_offset_.bind(4, fields[3].integer());
      return clock_offset_.run();
    case RecordKind::note:
      if (!need(1)) return malformed;
      note_.bind(1, head.time_ns);
      note_.bind(2, fields[0].text());
      return note_.run();
    case RecordKind::meta:
      if (!need(2)) return malformed;
      meta_.bind(1, fields[0].text());
      meta_.bind(2, fields[1].text());
      return meta_.run();
    default:
      return bad_input(fmt::format("a record of the journal is of the unknown kind {}", head.kind));
  }
}

Result<void> RowWriter::take_completion(RecordView record) {
  const std::optional<CompleteView> view = complete_view(record);
  if (!view) return bad_input("a completion in the journal has another shape");
  row_of_.resize(record.head->position - first_position_ + 1, UINT32_MAX);
  const std::uint64_t invocation = view->fixed.invocation;
  if (invocation >= first_position_) {
    const std::uint64_t index = invocation - first_position_;
    // Absent when the journal lost the invocation: reported as damage by whoever found the records.
    if (index < row_of_.size() && row_of_[index] != UINT32_MAX) rows_[row_of_[index]].completion = record;
    return {};
  }
  const auto position = static_cast<std::int64_t>(invocation),
             completed = static_cast<std::int64_t>(record.head->position);
  if (temporary_) {
    fetch_.bind(1, position);
    if (auto fetched = fetch_.run(); !fetched) return fetched;
  }
  const std::string_view type = to_string(static_cast<OpType>(view->fixed.type));
  complete_.bind(1, completed);
  complete_.bind(2, type);
  complete_.bind(3, view->value);
  if (view->error.empty())
    complete_.bind_null(4);
  else
    complete_.bind(4, view->error);
  complete_.bind(5, record.head->time_ns);
  complete_.bind(6, completion_checksum(position, completed, record.head->time_ns, type, view->value, view->error));
  complete_.bind(7, position);
  return complete_.run();
}

Result<void> RowWriter::insert_rows() {
  for (const Row& row : rows_) {
    const std::optional<InvokeView> view = invoke_view(row.invocation);
    if (!view) return bad_input("an invocation in the journal has another shape");
    const RecordHead& head = *row.invocation.head;
    const auto position = static_cast<std::int64_t>(head.position);
    std::int64_t checksum = invocation_checksum(position, head.time_ns, view->fixed.process, view->fixed.worker,
                                                view->node, view->f, view->value, view->due_ns);
    insert_.bind(1, position);
    insert_.bind(2, view->fixed.process);
    insert_.bind(3, view->fixed.worker);
    if (view->node.empty())
      insert_.bind_null(4);
    else
      insert_.bind(4, view->node);
    if (view->f.empty())
      insert_.bind_null(5);
    else
      insert_.bind(5, view->f);
    insert_.bind(6, view->value);
    insert_.bind(7, head.time_ns);
    for (int i = 8; i <= 12; ++i) insert_.bind_null(i);
    if (row.completion.head) {
      const std::optional<CompleteView> end = complete_view(row.completion);
      if (!end) return bad_input("a completion in the journal has another shape");
      const auto completed = static_cast<std::int64_t>(row.completion.head->position);
      const std::string_view type = to_string(static_cast<OpType>(end->fixed.type));
      insert_.bind(8, completed);
      insert_.bind(9, type);
      if (end->value != view->value) insert_.bind(10, end->value);
      if (!end->error.empty()) insert_.bind(11, end->error);
      insert_.bind(12, row.completion.head->time_ns);
      checksum += completion_checksum(position, completed, row.completion.head->time_ns, type, end->value, end->error);
    }
    insert_.bind(13, checksum);
    if (view->due_ns < 0)
      insert_.bind_null(14);
    else
      insert_.bind(14, view->due_ns);
    Result<bool> done = insert_.step();
    insert_.reset();
    if (!done) return tl::unexpected(done.error());
  }
  return {};
}

Result<void> RowWriter::flush() {
  auto inserted = insert_rows();
  discard();
  if (!inserted) return inserted;
  const std::pair<std::string_view, std::uint64_t> counts[] = {{"journal_sequence", next_sequence_},
                                                               {"events", events_}};
  for (const auto& [key, count] : counts) {
    const std::string text = std::to_string(count);
    meta_.bind(1, key);
    meta_.bind(2, text);
    if (auto set = meta_.run(); !set) return set;
  }
  return {};
}

std::string to_record(const FaultRecord& fault) {
  std::vector<Value> targets(fault.targets.begin(), fault.targets.end());
  return stored(Value::list({fault.id, fault.fault, fault.parameters, Value::list(std::move(targets)),
                             time_value(fault.intended_start_ns), time_value(fault.intended_end_ns),
                             time_value(fault.actual_start_ns), time_value(fault.actual_end_ns), to_string(fault.undo),
                             fault.proof, nodes_value(fault.nodes), fault.notes}));
}

std::string to_record(const NodeRecord& node) {
  return stored(Value::list({node.name, node.address, node.about}));
}

std::string to_record(const ClockOffsetRecord& offset) {
  return stored(Value::list({offset.time_ns, offset.node, offset.offset_ns, offset.uncertainty_ns}));
}

std::string to_record(const NoteRecord& note) {
  return stored(Value::list({note.text}));
}

std::string meta_record(std::string_view key, std::string_view value) {
  return stored(Value::list({key, value}));
}

Result<std::vector<FaultNodeRecord>> parse_fault_nodes(std::string_view text) {
  Result<Value> parsed = parse_stored(text);
  if (!parsed) return tl::unexpected(parsed.error());
  if (!parsed->is_list()) return bad_input("a fault's nodes are not a list");
  std::vector<FaultNodeRecord> nodes;
  for (const Value& item : parsed->items()) {
    if (item.kind() != Value::Kind::map) return bad_input("a fault's node is not a map");
    const auto field = [&](const char* key) {
      const Value* found = item.find(key);
      return found ? *found : Value();
    };
    const auto word = [&](const char* key) {
      const Value value = field(key);
      return value.kind() == Value::Kind::string ? std::string(value.text()) : std::string();
    };
    FaultNodeRecord node;
    node.node = word("node");
    for (ApplyState state : {ApplyState::done, ApplyState::failed, ApplyState::unknown})
      if (to_string(state) == word("apply")) node.apply = state;
    Result<UndoState> undo = parse_undo_state(word("undo"));
    if (!undo) return tl::unexpected(undo.error());
    node.undo = *undo;
    node.applied_ns = time_of(field("applied_ns"));
    node.undone_ns = time_of(field("undone_ns"));
    node.proof = field("proof");
    node.notes = word("notes");
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace shaketable
