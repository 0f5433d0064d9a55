// When operations of an open load were due: kept in the file and in the journal, and files from before there was such a
// time still open.

#include <sqlite3.h>

#include <thread>

#include "tests/history/run_folder.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

const Name kWrite("write");

void run_sql(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  char* error = nullptr;
  const int code = sqlite3_exec(database, sql, nullptr, nullptr, &error);
  INFO((error ? error : ""));
  REQUIRE(code == SQLITE_OK);
  sqlite3_close(database);
}

// As the first schema had it.
constexpr const char* kToSchema1 =
    "DROP VIEW events; ALTER TABLE operations DROP COLUMN due_ns; PRAGMA user_version=1;"
    "CREATE VIEW events AS SELECT position, 'invoke' AS type, process, f, value, NULL AS error, invoked_ns AS time_ns, "
    "node FROM operations;";

// A run whose controller died when two invocations were in the database and the completion of the first and one more
// invocation only in the journal. Due times where `due` says so.
void make_dead_run(const RunFolder& folder, bool due) {
  RunFolder live;
  ManualClock clock;
  auto recorder = must(Recorder::create(live.path(), some_run(), clock));
  clock.advance(Nanos(100));
  const OpHandle first = must(recorder->invoke(0, 0, "n1", kWrite, Value(1), due ? 40 : -1));
  must(recorder->invoke(1, 1, "n2", kWrite, Value(2), due ? 0 : -1));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (recorder->counters().committed < 2) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (const char* end : {"history.db", "history.db-wal"})
    std::filesystem::copy_file(live.path() + "/" + end, folder.path() + "/" + end);
  must(recorder->complete(first, OpType::ok, Value(1)));
  must(recorder->invoke(2, 2, "n1", kWrite, Value(3), due ? 90 : -1));
  std::filesystem::copy_file(live.journal(), folder.journal());
}

std::vector<std::string> with_due(const History& history) {
  std::vector<std::string> lines = lines_of(history);
  for (std::size_t i = 0; i < lines.size(); ++i)
    lines[i] += fmt::format(" at {} due {}", history.operations[i].time_ns, history.operations[i].due_ns);
  return lines;
}

}  // namespace

TEST_CASE("an invocation keeps the time it was due beside the time it began") {
  RunFolder folder;
  ManualClock clock;
  auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
  clock.advance(Nanos(500));
  const OpHandle late = must(recorder->invoke(0, 0, "n1", kWrite, Value(1), 120));
  must(recorder->complete(late, OpType::ok, Value(1)));
  must(recorder->complete(must(recorder->invoke(0, 0, "n1", kWrite, Value(2))), OpType::fail, Value(2)));
  const std::vector<std::string> expected = {"0 invoke write 1 at 500 due 120", "0 ok write 1 at 500 due -1",
                                             "0 invoke write 2 at 500 due -1", "0 fail write 2 at 500 due -1"};
  // While it is recorded, partly from the journal; and afterwards.
  CHECK(with_due(read_all(must(open_run(folder.path())))) == expected);
  must(recorder->finish(""));
  CHECK(with_due(read_all(must(open_run(folder.path())))) == expected);
}

TEST_CASE("a changed due time is damage") {
  RunFolder folder;
  ManualClock clock;
  auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
  must(recorder->invoke(0, 0, "n1", kWrite, Value(1), 120));
  must(recorder->finish(""));
  for (const char* change : {"UPDATE operations SET due_ns=121", "UPDATE operations SET due_ns=NULL"}) {
    run_sql(folder.database(), change);
    const RunFile run = must(open_run(folder.path()));
    History history;
    HistoryBuilder builder(history);
    const auto read = run.read(builder);
    REQUIRE_FALSE(read);
    CHECK(read.error().message.find("does not match its checksum") != std::string::npos);
  }
}

TEST_CASE("due times survive a dead controller in the journal and in the database") {
  RunFolder folder;
  make_dead_run(folder, true);
  for (const bool may_write : {false, true})
    CHECK(with_due(read_all(must(open_run(folder.path(), may_write)))) ==
          std::vector<std::string>{"0 invoke write 1 at 100 due 40", "1 invoke write 2 at 100 due 0",
                                   "0 ok write 1 at 100 due -1", "2 invoke write 3 at 100 due 90"});
  CHECK_FALSE(std::filesystem::exists(folder.journal()));
}

TEST_CASE("files of the schema before due times open with and without a journal") {
  const std::vector<std::string> expected = {"0 invoke write 1 at 100 due -1", "1 invoke write 2 at 100 due -1",
                                             "0 ok write 1 at 100 due -1", "2 invoke write 3 at 100 due -1"};
  RunFolder folder;
  make_dead_run(folder, false);
  run_sql(folder.database(), kToSchema1);
  for (const bool may_write : {false, true}) {
    INFO("may write: " << may_write);
    CHECK(with_due(read_all(must(open_run(folder.path(), may_write)))) == expected);
  }
  CHECK_FALSE(std::filesystem::exists(folder.journal()));
  CHECK(with_due(read_all(must(open_run(folder.path())))) == expected);
  // Without a journal nothing is merged, and so nothing is changed.
  run_sql(folder.database(), kToSchema1);
  CHECK(with_due(read_all(must(open_run(folder.path())))) == expected);
}
