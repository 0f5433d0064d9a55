#include "history/run_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <queue>
#include <unordered_map>

#include "base/log.h"
#include "history/database.h"
#include "history/journal.h"
#include "history/row_writer.h"
#include "history/run_merge.h"
#include "history/run_meta.h"
#include "history/stored_value.h"
#include "history/temporary_copy.h"

namespace fs = std::filesystem;

namespace shaketable {
namespace {

constexpr Nanos kMergeTimeout = std::chrono::seconds(60);
constexpr std::size_t kMostFunctions = 10'000;  // names are interned for ever

Result<std::string> database_path(const std::string& path) {
  std::error_code problem;
  std::string file = path;
  if (fs::is_directory(path, problem)) file = (fs::path(path) / "history.db").string();
  const fs::file_status status = fs::status(file, problem);
  if (!fs::exists(status)) {
    if (file != path) return bad_input(fmt::format("{}: no run is here: there is no history.db in it", path));
    return bad_input(fmt::format("{}: no such file or folder", path));
  }
  if (!fs::is_regular_file(status)) return bad_input(fmt::format("{}: not a file", file));
  const std::uintmax_t size = fs::file_size(file, problem);
  if (problem) return infrastructure(fmt::format("{}: {}", file, problem.message()));
  if (size == 0) return bad_input(fmt::format("{}: not a history: the file is empty", file));
  // SQLite takes what is shorter than its own header for an empty database.
  if (size < 512) return bad_input(fmt::format("{}: not a history: {} bytes are too few for one", file, size));
  return file;
}

std::string journal_path(const std::string& database) {
  return (fs::path(database).parent_path() / "history.journal").string();
}

enum Column : int {  // of operation_columns()
  kPosition,
  kProcess,
  kWorker,
  kNode,
  kF,
  kValue,
  kInvokedNs,
  kCompleted,
  kType,
  kResult,
  kError,
  kCompletedNs,
  kChecksum,
  kDueNs
};

struct PendingCompletion {
  std::uint64_t position;
  Operation operation;
  friend bool operator>(const PendingCompletion& a, const PendingCompletion& b) { return a.position > b.position; }
};

}  // namespace

class RunFile::Impl {
 public:
  Result<void> open(const std::string& path, std::optional<JournalCopy> journal, bool lives) {
    path_ = path;
    lives_ = lives;
    if (auto opened = open_database(); !opened) return opened;
    const bool snapshot = journal.has_value();
    if (snapshot)
      if (auto begun = database_.execute("BEGIN"); !begun) return begun;
    if (auto loaded = load_meta(database_, "main", meta_); !loaded) return loaded;
    for (const char* key : {"run_id", "state", "seed", "plan", "journal_sequence", "events"})
      if (!meta_.contains(key))
        return bad_input(fmt::format("{}: the file is damaged (meta.{} is missing)", path_, key));
    if (snapshot)
      if (auto merged = merge_in_memory(*journal); !merged) return merged;
    if (!snapshot && text_of(meta_, "state") == to_string(RunState::running) &&
        number_of(meta_, "journal_sequence") > 0)
      damage_.push_back("history.journal is missing: events after the last commit are lost");
    std::string_view stored = meta_.contains("damage") ? std::string_view(meta_["damage"]) : std::string_view();
    while (!stored.empty()) {
      const std::size_t end = stored.find('\n');
      damage_.emplace_back(stored.substr(0, end));
      stored = end == std::string_view::npos ? std::string_view() : stored.substr(end + 1);
    }
    events_ = number_of(meta_, "events");
    return load_info();
  }

  Result<void> read(OperationSink& sink) {
    Result<std::string> columns = operation_columns(database_);
    if (!columns) return tl::unexpected(columns.error());
    Result<Statement> rows = database_.prepare(
        overlaid_ ? fmt::format("SELECT {} FROM main.operations WHERE position NOT IN (SELECT position FROM "
                                "temp.operations) UNION ALL SELECT * FROM temp.operations ORDER BY position",
                                *columns)
                  : fmt::format("SELECT {} FROM main.operations ORDER BY position", *columns));
    if (!rows) return tl::unexpected(rows.error());
    std::priority_queue<PendingCompletion, std::vector<PendingCompletion>, std::greater<>> open;
    std::uint64_t next = 0;
    // Positions are 0, 1, 2 …: a gap is a row that is lost.
    const auto deliver = [&](std::uint64_t position, Operation operation) -> Result<void> {
      if (position != next && damage_.empty())
        return bad_input(fmt::format("{}: the file is damaged (event {} is missing)", path_, std::min(next, position)));
      next = position + 1;
      return sink.take(std::move(operation));
    };
    const auto deliver_completions_before = [&](std::uint64_t position) -> Result<void> {
      while (!open.empty() && open.top().position < position) {
        PendingCompletion top = open.top();
        open.pop();
        if (auto taken = deliver(top.position, std::move(top.operation)); !taken) return taken;
      }
      return {};
    };
    std::unordered_map<std::string, Name> functions;
    while (true) {
      Result<bool> row = rows->step();
      if (!row) return tl::unexpected(row.error());
      if (!*row) break;
      const auto position = static_cast<std::uint64_t>(rows->integer(kPosition));
      if (auto taken = deliver_completions_before(position); !taken) return taken;
      Operation invocation;
      std::optional<PendingCompletion> completion;
      if (auto parsed = parse_row(*rows, functions, invocation, completion); !parsed)
        return tl::unexpected(std::move(parsed.error()).in(fmt::format("{}: operation {}", path_, position)));
      if (completion) open.push(std::move(*completion));
      if (auto taken = deliver(position, std::move(invocation)); !taken) return taken;
    }
    if (auto taken = deliver_completions_before(UINT64_MAX); !taken) return taken;
    if (next != events_ && damage_.empty())
      return bad_input(fmt::format("{}: the file is damaged (it has {} events of {})", path_, next, events_));
    return {};
  }

  template <class Record, class Parse>
  Result<std::vector<Record>> list(const std::string& sql, Parse parse) {
    Result<Statement> rows = database_.prepare(sql);
    if (!rows) return tl::unexpected(rows.error());
    std::vector<Record> records;
    while (true) {
      Result<bool> row = rows->step();
      if (!row) return tl::unexpected(row.error());
      if (!*row) return records;
      Result<Record> record = parse(*rows);
      if (!record) return tl::unexpected(std::move(record.error()).in(path_));
      records.push_back(std::move(*record));
    }
  }

  Result<std::vector<FaultRecord>> faults() {
    const std::string sql =
        overlaid_ ? "SELECT * FROM main.faults WHERE id NOT IN (SELECT id FROM temp.faults) UNION ALL SELECT * FROM "
                    "temp.faults ORDER BY id"
                  : "SELECT * FROM main.faults ORDER BY id";
    return list<FaultRecord>(sql, [](Statement& row) -> Result<FaultRecord> {
      FaultRecord fault;
      fault.id = row.integer(0);
      fault.fault = row.text(1);
      Result<Value> parameters = parse_stored(row.text(2)), targets = parse_stored(row.text(3)),
                    proof = parse_stored(row.text(9));
      Result<std::vector<FaultNodeRecord>> nodes = parse_fault_nodes(row.text(10));
      Result<UndoState> undo = parse_undo_state(row.text(8));
      if (!parameters || !targets || !proof || !nodes || !undo || !targets->is_list())
        return bad_input(fmt::format("fault {} is damaged", fault.id));
      fault.parameters = std::move(*parameters);
      for (const Value& target : targets->items())
        if (target.kind() == Value::Kind::string) fault.targets.emplace_back(target.text());
      fault.intended_start_ns = row.time(4);
      fault.intended_end_ns = row.time(5);
      fault.actual_start_ns = row.time(6);
      fault.actual_end_ns = row.time(7);
      fault.undo = *undo;
      fault.proof = std::move(*proof);
      fault.nodes = std::move(*nodes);
      fault.notes = row.text(11);
      return fault;
    });
  }

  Result<std::vector<ClockOffsetRecord>> clock_offsets() {
    return list<ClockOffsetRecord>(both("clock_offsets"), [](Statement& row) -> Result<ClockOffsetRecord> {
      return ClockOffsetRecord{row.integer(0), std::string(row.text(1)), row.integer(2), row.integer(3)};
    });
  }

  Result<std::vector<NoteRecord>> notes() {
    return list<NoteRecord>(both("notes"), [](Statement& row) -> Result<NoteRecord> {
      return NoteRecord{row.integer(0), std::string(row.text(1))};
    });
  }

  Result<std::vector<VerdictRecord>> verdicts() {
    return list<VerdictRecord>(
        "SELECT * FROM main.verdicts ORDER BY rowid", [](Statement& row) -> Result<VerdictRecord> {
          return VerdictRecord{row.integer(0), std::string(row.text(1)), std::string(row.text(2)),
                               std::string(row.text(3)), std::string(row.text(4))};
        });
  }

  std::string path_;
  Meta meta_;
  RunInfo info_;
  RunState state_ = RunState::running;
  std::int64_t ended_ns_ = kNotYet;
  std::string why_ended_;
  std::uint64_t events_ = 0;
  std::vector<std::string> damage_;

 private:
  Result<void> open_database() {
    auto try_open = [&](const std::string& file, Database::Mode mode) -> Result<void> {
      Result<Database> opened = Database::open(file, mode);
      if (!opened) return tl::unexpected(opened.error());
      database_ = std::move(*opened);
      if (auto known = check_schema(database_); !known) return known;
      return database_.execute("SELECT count(*) FROM main.meta");
    };
    auto opened = try_open(path_, Database::Mode::read_only);
    if (opened || opened.error().kind != ErrorKind::infrastructure || lives_) return opened;
    Result<TemporaryCopy> copy = TemporaryCopy::make(path_);
    if (!copy) return opened;
    copy_ = std::move(*copy);
    return try_open(copy_.path(), Database::Mode::read_write);
  }

  // Rows that the journal adds or changes go to tables of the same names in `temp`.
  Result<void> merge_in_memory(JournalCopy& journal) {
    find_records(journal, number_of(meta_, "run_id"), number_of(meta_, "journal_sequence"), lives_);
    damage_ = journal.damage;
    if (journal.records.empty()) return {};
    if (auto made = create_schema(database_, "temp"); !made) return made;
    Result<RowWriter> rows = RowWriter::create(database_, true);
    if (!rows) return tl::unexpected(rows.error());
    if (auto replayed = replay(journal, *rows, meta_); !replayed) return replayed;
    overlaid_ = true;
    return load_meta(database_, "temp", meta_);
  }

  Result<void> load_info() {
    info_ = {.name = text_of(meta_, "name"),
             .plan_path = text_of(meta_, "plan_path"),
             .plan_text = text_of(meta_, "plan"),
             .seed = number_of(meta_, "seed"),
             .workload = text_of(meta_, "workload"),
             .system = text_of(meta_, "system"),
             .system_version = text_of(meta_, "system_version"),
             .version = text_of(meta_, "version"),
             .started_wall_ns = static_cast<std::int64_t>(number_of(meta_, "started_wall_ns")),
             .nodes = {},
             .extra = {}};
    const std::string sql = overlaid_
                                ? "SELECT * FROM main.nodes WHERE name NOT IN (SELECT name FROM temp.nodes) UNION ALL "
                                  "SELECT * FROM temp.nodes ORDER BY name"
                                : "SELECT * FROM main.nodes ORDER BY rowid";
    Result<std::vector<NodeRecord>> nodes = list<NodeRecord>(sql, [](Statement& row) -> Result<NodeRecord> {
      Result<Value> about = parse_stored(row.text(2));
      if (!about) return tl::unexpected(about.error());
      return NodeRecord{std::string(row.text(0)), std::string(row.text(1)), std::move(*about)};
    });
    if (!nodes) return tl::unexpected(nodes.error());
    info_.nodes = std::move(*nodes);
    const std::string state = text_of(meta_, "state");
    if (state == to_string(RunState::ended))
      state_ = RunState::ended;
    else
      state_ = lives_ ? RunState::running : RunState::interrupted;
    if (meta_.contains("ended_ns")) ended_ns_ = static_cast<std::int64_t>(number_of(meta_, "ended_ns"));
    why_ended_ = text_of(meta_, "why_ended");
    return {};
  }

  std::string both(std::string_view table) const {
    return overlaid_
               ? fmt::format("SELECT * FROM (SELECT * FROM main.{0} UNION ALL SELECT * FROM temp.{0}) ORDER BY time_ns",
                             table)
               : fmt::format("SELECT * FROM main.{} ORDER BY time_ns", table);
  }

  static std::int64_t due_of(const Statement& row) { return row.is_null(kDueNs) ? -1 : row.integer(kDueNs); }

  // The checksum first: what a damaged row says is of no interest.
  static bool is_whole(const Statement& row) {
    const std::int64_t position = row.integer(kPosition);
    std::int64_t checksum =
        invocation_checksum(position, row.integer(kInvokedNs), row.integer(kProcess), row.integer(kWorker),
                            row.text(kNode), row.text(kF), row.text(kValue), due_of(row));
    if (!row.is_null(kCompleted))
      checksum += completion_checksum(position, row.integer(kCompleted), row.integer(kCompletedNs), row.text(kType),
                                      row.is_null(kResult) ? row.text(kValue) : row.text(kResult), row.text(kError));
    return checksum == row.integer(kChecksum);
  }

  Result<void> parse_row(Statement& row, std::unordered_map<std::string, Name>& functions, Operation& invocation,
                         std::optional<PendingCompletion>& completion) {
    if (!is_whole(row)) return bad_input("the file is damaged (it does not match its checksum)");
    const std::string f(row.text(kF));
    const auto known = functions.find(f);
    if (known == functions.end() && functions.size() == kMostFunctions)
      return bad_input(fmt::format("more than {} different functions", kMostFunctions));
    invocation.f = known == functions.end() ? (functions[f] = Name(f)) : known->second;
    invocation.process = row.integer(kProcess);
    invocation.time_ns = row.integer(kInvokedNs);
    invocation.due_ns = due_of(row);
    Result<Value> value = parse_stored(row.text(kValue));
    if (!value) return tl::unexpected(value.error());
    invocation.value = std::move(*value);
    if (row.is_null(kCompleted)) return {};
    const std::int64_t completed = row.integer(kCompleted);
    if (completed <= row.integer(kPosition)) return bad_input("the file is damaged (completed before it was invoked)");
    const std::string_view type = row.text(kType);
    Operation operation = invocation;
    operation.time_ns = row.integer(kCompletedNs);
    operation.due_ns = -1;
    if (type == "ok")
      operation.type = OpType::ok;
    else if (type == "fail")
      operation.type = OpType::fail;
    else if (type == "info")
      operation.type = OpType::info;
    else
      return bad_input(fmt::format("the file is damaged (\"{}\" is not ok, fail or info)", type));
    if (!row.is_null(kResult)) {
      Result<Value> result = parse_stored(row.text(kResult));
      if (!result) return tl::unexpected(result.error());
      operation.value = std::move(*result);
    }
    if (!row.is_null(kError)) {
      Result<Value> error = parse_stored(row.text(kError));
      if (!error) return tl::unexpected(error.error());
      operation.error = std::move(*error);
    }
    completion = PendingCompletion{static_cast<std::uint64_t>(completed), std::move(operation)};
    return {};
  }

  TemporaryCopy copy_;  // outlives the database in it
  Database database_;
  bool overlaid_ = false, lives_ = false;
};

Result<RunFile> open_run(const std::string& path, bool may_write) {
  Result<std::string> file = database_path(path);
  if (!file) return tl::unexpected(file.error());
  auto impl = std::make_unique<RunFile::Impl>();
  std::optional<JournalCopy> copy;
  bool lives = false;
  // Others may be merging at the same moment; once they have, the journal is gone.
  while (true) {
    Result<std::optional<JournalFile>> journal = JournalFile::open(journal_path(*file), may_write);
    if (!journal) return tl::unexpected(journal.error());
    if (!*journal) break;
    lives = (*journal)->recorder_lives();
    if (!lives && may_write) {
      Result<bool> mine = (*journal)->lock_for_merge(kMergeTimeout);
      if (mine && !*mine) continue;
      auto merged = mine ? merge_into_file(*file, **journal) : Result<void>(tl::unexpected(mine.error()));
      if (merged) break;
      if (merged.error().kind == ErrorKind::bad_input) return tl::unexpected(merged.error());
      log::debug("{}: merged in memory only: {}", *file, merged.error().message);
    }
    // Before the database: what it commits after this copy is known twice, not never.
    Result<JournalCopy> copied = (*journal)->copy();
    if (!copied) return tl::unexpected(copied.error());
    copy = std::move(*copied);
    break;
  }
  if (auto opened = impl->open(*file, std::move(copy), lives); !opened) return tl::unexpected(opened.error());
  return RunFile(std::move(impl));
}

Result<void> add_verdict(const std::string& path, const VerdictRecord& verdict) {
  // Merges what is left of a dead recorder.
  Result<RunFile> run = open_run(path);
  if (!run) return tl::unexpected(run.error());
  const std::string file = run->path();
  Result<Database> database = Database::open(file, Database::Mode::read_write);
  if (!database) return tl::unexpected(database.error());
  Result<Statement> insert = database->prepare("INSERT INTO verdicts VALUES(?1,?2,?3,?4,?5)");
  if (!insert) return tl::unexpected(insert.error());
  insert->bind(1, verdict.judged_wall_ns);
  insert->bind(2, std::string_view(verdict.version));
  insert->bind(3, std::string_view(verdict.checker));
  insert->bind(4, std::string_view(verdict.valid));
  insert->bind(5, std::string_view(verdict.json));
  return insert->run();
}

bool is_run(const std::string& path) {
  std::error_code problem;
  if (fs::is_directory(path, problem)) return fs::exists(fs::path(path) / "history.db", problem);
  char first[16] = {};
  std::ifstream file(path, std::ios::binary);
  file.read(first, sizeof first);
  return std::memcmp(first, "SQLite format 3", sizeof first) == 0 || fs::path(path).extension() == ".db";
}

RunFile::RunFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RunFile::RunFile(RunFile&&) noexcept = default;
RunFile& RunFile::operator=(RunFile&&) noexcept = default;
RunFile::~RunFile() = default;

const std::string& RunFile::path() const {
  return impl_->path_;
}
const RunInfo& RunFile::info() const {
  return impl_->info_;
}
RunState RunFile::state() const {
  return impl_->state_;
}
std::int64_t RunFile::ended_ns() const {
  return impl_->ended_ns_;
}
const std::string& RunFile::why_ended() const {
  return impl_->why_ended_;
}
std::uint64_t RunFile::events() const {
  return impl_->events_;
}
const std::vector<std::string>& RunFile::damage() const {
  return impl_->damage_;
}
Result<void> RunFile::read(OperationSink& sink) const {
  return impl_->read(sink);
}
Result<std::vector<FaultRecord>> RunFile::faults() const {
  return impl_->faults();
}
Result<std::vector<ClockOffsetRecord>> RunFile::clock_offsets() const {
  return impl_->clock_offsets();
}
Result<std::vector<NoteRecord>> RunFile::notes() const {
  return impl_->notes();
}
Result<std::vector<VerdictRecord>> RunFile::verdicts() const {
  return impl_->verdicts();
}

std::optional<std::string> RunFile::meta(std::string_view key) const {
  const auto found = impl_->meta_.find(key);
  if (found == impl_->meta_.end()) return std::nullopt;
  return found->second;
}

}  // namespace shaketable
