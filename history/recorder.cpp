#include "history/recorder.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "base/log.h"
#include "base/random.h"
#include "history/database.h"
#include "history/journal.h"
#include "history/row_writer.h"
#include "history/stored_value.h"

namespace shaketable {
namespace {

constexpr std::size_t kMostRecordsInOneCommit = 32768;

Result<void> write_start(Database& database, const RunInfo& info, std::uint64_t run_id) {
  if (auto done = database.execute("PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; BEGIN");
      !done)
    return done;
  if (auto made = create_schema(database, "main"); !made) return made;
  Result<RowWriter> rows = RowWriter::create(database, false);
  if (!rows) return tl::unexpected(rows.error());
  Result<Statement> meta = database.prepare("INSERT INTO meta VALUES(?1,?2)");
  if (!meta) return tl::unexpected(meta.error());
  std::vector<std::pair<std::string, std::string>> entries = {{"run_id", std::to_string(run_id)},
                                                              {"state", std::string(to_string(RunState::running))},
                                                              {"name", info.name},
                                                              {"plan_path", info.plan_path},
                                                              {"plan", info.plan_text},
                                                              {"seed", std::to_string(info.seed)},
                                                              {"workload", info.workload},
                                                              {"system", info.system},
                                                              {"system_version", info.system_version},
                                                              {"version", info.version},
                                                              {"started_wall_ns", std::to_string(info.started_wall_ns)},
                                                              {"journal_sequence", "0"},
                                                              {"events", "0"}};
  entries.insert(entries.end(), info.extra.begin(), info.extra.end());
  for (const auto& [key, value] : entries) {
    meta->bind(1, std::string_view(key));
    meta->bind(2, std::string_view(value));
    if (auto set = meta->run(); !set) return tl::unexpected(std::move(set.error()).in("meta." + key));
  }
  Result<Statement> nodes = database.prepare("INSERT INTO nodes VALUES(?1,?2,?3)");
  if (!nodes) return tl::unexpected(nodes.error());
  for (const NodeRecord& node : info.nodes) {
    std::string about;
    if (!append_stored(about, node.about)) about = "null";
    nodes->bind(1, std::string_view(node.name));
    nodes->bind(2, std::string_view(node.address));
    nodes->bind(3, std::string_view(about));
    if (auto set = nodes->run(); !set) return set;
  }
  return database.execute("COMMIT");
}

}  // namespace

class Recorder::Impl {
 public:
  Impl(std::string path, RecorderOptions options) : path_(std::move(path)), options_(options) {}

  ~Impl() {
    if (writer_.joinable()) stop_writer();
  }

  Result<void> start(const RunInfo& info, const Clock& clock) {
    Result<Database> database = Database::open(path_, Database::Mode::create);
    if (!database) return tl::unexpected(database.error());
    database_ = std::move(*database);
    Random random(Random::fresh_seed());
    const std::uint64_t run_id = (random.next() ^ static_cast<std::uint64_t>(wall_clock_ns())) >> 1;
    if (auto written = write_start(database_, info, run_id); !written) return written;
    Result<std::unique_ptr<Journal>> journal = Journal::create(path_.substr(0, path_.size() - 2) + "journal", run_id,
                                                               {options_.segment_bytes, options_.segments}, clock);
    if (!journal) return tl::unexpected(journal.error());
    journal_ = std::move(*journal);
    Result<RowWriter> rows = RowWriter::create(database_, false);
    if (!rows) return tl::unexpected(rows.error());
    rows_ = std::make_unique<RowWriter>(std::move(*rows));
    writer_ = std::thread([this] { write(); });
    return {};
  }

  Result<Journal::Stamp> append(RecordKind kind, std::string_view payload) {
    return journal_->append(kind, payload, options_.stall_limit);
  }

  Result<void> append_text(RecordKind kind, const std::string& payload) {
    auto stamp = append(kind, payload);
    if (!stamp) return tl::unexpected(stamp.error());
    return {};
  }

  Result<void> finish(std::string_view why_ended, std::int64_t ended_ns) {
    if (!writer_.joinable()) return {};
    const std::pair<std::string_view, std::string> ends[] = {{"why_ended", std::string(why_ended)},
                                                             {"ended_ns", std::to_string(ended_ns)},
                                                             {"state", std::string(to_string(RunState::ended))}};
    for (const auto& [key, value] : ends)
      if (auto set = append_text(RecordKind::meta, meta_record(key, value)); !set) {
        stop_writer();
        return set;
      }
    stop_writer();
    if (auto failure = journal_->failure()) return tl::unexpected(*failure);
    journal_->remove();
    rows_.reset();
    database_.make_plain();
    database_ = Database();
    return {};
  }

  const std::string path_;
  const RecorderOptions options_;
  std::unique_ptr<Journal> journal_;
  std::atomic<std::uint64_t> committed_{0}, commits_{0};
  std::atomic<std::int64_t> longest_commit_ns_{0};

 private:
  void stop_writer() {
    stopping_ = true;
    journal_->wake();
    writer_.join();
  }

  // The writer's thread. Whatever fails is tried again from the journal, which still has it, until the stall limit.
  void write() {
    while (true) {
      const bool last_round = stopping_.load();
      std::vector<RecordView> records =
          journal_->take(kMostRecordsInOneCommit, last_round || more_ ? Nanos(0) : options_.commit_every);
      more_ = records.size() == kMostRecordsInOneCommit;
      if (records.empty()) {
        if (last_round) return;
        continue;
      }
      if (auto written = commit_with_patience(records); !written) {
        journal_->fail(written.error());
        return;
      }
      journal_->release();
    }
  }

  Result<void> commit_with_patience(const std::vector<RecordView>& records) {
    const auto deadline = std::chrono::steady_clock::now() + options_.stall_limit;
    const std::uint64_t sequence = rows_->next_sequence(), events = rows_->events();
    while (true) {
      const auto begun = std::chrono::steady_clock::now();
      auto written = commit(records);
      const auto ended = std::chrono::steady_clock::now();
      longest_commit_ns_ = std::max<std::int64_t>(longest_commit_ns_, Nanos(ended - begun).count());
      if (written) {
        ++commits_;
        committed_ = rows_->events();
        return {};
      }
      // Outside of a transaction this is an error of its own, which says nothing new.
      (void)database_.execute("ROLLBACK");
      rows_->start_at(sequence, events);
      if (ended >= deadline || stopping_) return written;
      log::warning("{}; trying again", written.error().message);
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
  }

  Result<void> commit(const std::vector<RecordView>& records) {
    if (auto begun = database_.execute("BEGIN IMMEDIATE"); !begun) return begun;
    for (const RecordView& record : records)
      if (auto taken = rows_->take(record); !taken) {
        rows_->discard();
        return taken;
      }
    if (auto flushed = rows_->flush(); !flushed) return flushed;
    return database_.execute("COMMIT");
  }

  Database database_;
  std::unique_ptr<RowWriter> rows_;
  std::thread writer_;
  std::atomic<bool> stopping_{false};
  bool more_ = false;
};

Result<std::unique_ptr<Recorder>> Recorder::create(const std::string& folder, const RunInfo& info, const Clock& clock,
                                                   const RecorderOptions& options) {
  const std::string path = folder + "/history.db";
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return bad_input(fmt::format("{}: there is a history already", path));
  auto impl = std::make_unique<Impl>(path, options);
  if (auto started = impl->start(info, clock); !started) return tl::unexpected(started.error());
  std::unique_ptr<Recorder> recorder(new Recorder(std::move(impl)));
  recorder->clock_ = &clock;
  return recorder;
}

Recorder::Recorder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Recorder::~Recorder() = default;

Result<OpHandle> Recorder::invoke(std::int64_t process, std::int64_t worker, std::string_view node, Name f,
                                  const Value& value, std::int64_t due_ns) {
  thread_local std::string payload;
  const std::string_view name = f.text();
  InvokePayload fixed{process, worker, static_cast<std::uint32_t>(node.size()), static_cast<std::uint32_t>(name.size()),
                      0,       0};
  payload.assign(sizeof fixed, '\0');
  payload += node;
  payload += name;
  const std::size_t before = payload.size();
  if (!append_stored(payload, value)) return bad_input("the value of an operation is nested too deep to be recorded");
  fixed.value_bytes = static_cast<std::uint32_t>(payload.size() - before);
  if (due_ns >= 0) {
    fixed.due_bytes = sizeof due_ns;
    payload.append(reinterpret_cast<const char*>(&due_ns), sizeof due_ns);
  }
  std::memcpy(payload.data(), &fixed, sizeof fixed);
  auto stamp = impl_->append(RecordKind::invoke, payload);
  if (!stamp) return tl::unexpected(stamp.error());
  return OpHandle{stamp->position, stamp->time_ns};
}

Result<std::int64_t> Recorder::complete(const OpHandle& operation, OpType type, const Value& value,
                                        const Value& error) {
  thread_local std::string payload;
  CompletePayload fixed{operation.position, static_cast<std::uint32_t>(type), 0, 0, 0};
  payload.assign(sizeof fixed, '\0');
  const bool fits = append_stored(payload, value) && payload.size() + 4096 <= impl_->journal_->max_payload();
  if (fits) {
    fixed.value_bytes = static_cast<std::uint32_t>(payload.size() - sizeof fixed);
  } else {
    // Unknown is weaker than whatever it was, and so never wrong.
    fixed.type = static_cast<std::uint32_t>(type == OpType::fail ? OpType::fail : OpType::info);
    payload.resize(sizeof fixed);
    payload += "null";
    fixed.value_bytes = 4;
  }
  const std::size_t before = payload.size();
  if (!fits) {
    payload += "\"the result is too large, or nested too deep, to be recorded\"";
  } else if (!error.is_nil() && (!append_stored(payload, error) || payload.size() > impl_->journal_->max_payload())) {
    payload.resize(before);
    payload += "\"the error is too large, or nested too deep, to be recorded\"";
  }
  fixed.error_bytes = static_cast<std::uint32_t>(payload.size() - before);
  std::memcpy(payload.data(), &fixed, sizeof fixed);
  auto stamp = impl_->append(RecordKind::complete, payload);
  if (!stamp) return tl::unexpected(stamp.error());
  return stamp->time_ns;
}

Result<void> Recorder::record(const FaultRecord& fault) {
  return impl_->append_text(RecordKind::fault, to_record(fault));
}

Result<void> Recorder::record(const NodeRecord& node) {
  return impl_->append_text(RecordKind::node, to_record(node));
}

Result<void> Recorder::record(const ClockOffsetRecord& offset) {
  return impl_->append_text(RecordKind::clock_offset, to_record(offset));
}

Result<void> Recorder::note(std::string_view text) {
  return impl_->append_text(RecordKind::note, to_record(NoteRecord{0, std::string(text)}));
}

Result<void> Recorder::set_meta(std::string_view key, std::string_view value) {
  for (std::string_view own : {"run_id", "state", "journal_sequence", "events", "damage"})
    if (key == own) return bad_input(fmt::format("meta.{} is the recorder's own", key));
  return impl_->append_text(RecordKind::meta, meta_record(key, value));
}

Result<void> Recorder::finish(std::string_view why_ended) {
  return impl_->finish(why_ended, clock_->now().count());
}

std::optional<Error> Recorder::failure() const {
  return impl_->journal_->failure();
}

RecorderCounters Recorder::counters() const {
  return {impl_->journal_->events(), impl_->committed_, impl_->commits_, impl_->journal_->waits(),
          Nanos(impl_->longest_commit_ns_)};
}

const std::string& Recorder::path() const {
  return impl_->path_;
}

}  // namespace shaketable
