// What is said about files that are no histories, or none that this program can read.

#include "history/run_file.h"

#include <sqlite3.h>

#include <fstream>

#include "tests/history/run_folder.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

std::string error_of(const std::string& path) {
  const auto run = open_run(path);
  REQUIRE_FALSE(run);
  CHECK(run.error().kind == ErrorKind::bad_input);
  return run.error().message;
}

void run_sql(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

void make_run(const RunFolder& folder, int operations = 1) {
  ManualClock clock;
  auto recorder = must(Recorder::create(folder.path(), some_run(), clock));
  for (int i = 0; i < operations; ++i)
    must(recorder->complete(must(recorder->invoke(0, 0, "n1", Name("write"), Value(i))), OpType::ok, Value(i)));
  must(recorder->finish(""));
}

}  // namespace

TEST_CASE("what is not a history gets one clear error") {
  RunFolder folder;
  const std::string file = folder.database();

  CHECK(error_of(folder.path()) == folder.path() + ": no run is here: there is no history.db in it");
  CHECK(error_of(file) == file + ": no such file or folder");
  CHECK(error_of("/dev/null") == "/dev/null: not a file");

  std::ofstream(file).close();
  CHECK(error_of(folder.path()) == file + ": not a history: the file is empty");

  std::ofstream(file) << std::string(5000, 'x');
  CHECK(error_of(file) == file + ": not a history: the file is not an SQLite database");

  std::filesystem::remove(file);
  run_sql(file, "CREATE TABLE operations(position INTEGER)");
  CHECK(error_of(file) == file + ": an SQLite database, but not a history of shaketable");
}

TEST_CASE("a history of a newer schema is refused, not misread") {
  RunFolder folder;
  make_run(folder);
  run_sql(folder.database(), "PRAGMA user_version=99");
  CHECK(error_of(folder.path()) ==
        folder.database() + ": written by a newer shaketable (schema 99, this one reads up to 2): use the newer one");
}

TEST_CASE("a truncated history is damaged, wherever it was cut") {
  RunFolder folder;
  make_run(folder, 1000);
  const auto size = std::filesystem::file_size(folder.database());
  for (const std::uintmax_t cut : {size - 100, size - 8192, size / 2, std::uintmax_t{8192}, std::uintmax_t{600}}) {
    INFO("cut to " << cut << " of " << size);
    std::filesystem::resize_file(folder.database(), cut);
    const auto run = open_run(folder.path());
    History history;
    HistoryBuilder builder(history);
    const auto read = run ? run->read(builder) : Result<void>(tl::unexpected(run.error()));
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::bad_input);
    INFO(read.error().message);
    CHECK(read.error().message.find("the file is damaged") != std::string::npos);
  }
  std::filesystem::resize_file(folder.database(), 60);
  CHECK(error_of(folder.path()) == folder.database() + ": not a history: 60 bytes are too few for one");
}

TEST_CASE("rows that were taken out, put in or changed by hand are noticed") {
  const char* const changes[] = {
      "DELETE FROM operations WHERE position=4",
      "DELETE FROM operations WHERE position>4",
      "UPDATE operations SET value='7' WHERE position=4",
      "UPDATE operations SET type='fail' WHERE position=4",
      "UPDATE operations SET completed=NULL, type=NULL, completed_ns=NULL WHERE position=4",
      "UPDATE operations SET process=8 WHERE position=4",
      "UPDATE operations SET invoked_ns=8 WHERE position=4",
      "INSERT INTO operations VALUES(100, 0, 0, NULL, 'read', 'null', 5, NULL, NULL, NULL, NULL, NULL, 0, NULL)",
      "DROP TABLE operations",
  };
  for (const char* change : changes) {
    INFO(change);
    RunFolder folder;
    make_run(folder, 5);
    run_sql(folder.database(), change);
    const RunFile run = must(open_run(folder.path()));
    History history;
    HistoryBuilder builder(history);
    const auto read = run.read(builder);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::bad_input);
    CHECK(read.error().message.find(folder.database()) == 0);
  }
}

TEST_CASE("people can look at a run with sqlite3") {
  RunFolder folder;
  make_run(folder, 3);
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(folder.database().c_str(), &database) == SQLITE_OK);
  std::string lines;
  const auto add = [](void* into, int columns, char** values, char**) {
    for (int i = 0; i < columns; ++i)
      *static_cast<std::string*>(into) += std::string(values[i] ? values[i] : "NULL") + " ";
    return 0;
  };
  REQUIRE(sqlite3_exec(database, "SELECT position, type, process, f, value, error, node FROM events WHERE position < 3",
                       add, &lines, nullptr) == SQLITE_OK);
  sqlite3_close(database);
  CHECK(lines == "0 invoke 0 write 0 NULL n1 1 ok 0 write 0 NULL n1 2 invoke 0 write 1 NULL n1 ");
}

TEST_CASE("runs are told from other files") {
  RunFolder folder;
  CHECK_FALSE(is_run(folder.path()));
  make_run(folder);
  CHECK(is_run(folder.path()));
  CHECK(is_run(folder.database()));
  std::filesystem::rename(folder.database(), folder.path() + "/renamed");
  CHECK(is_run(folder.path() + "/renamed"));
  std::ofstream(folder.path() + "/history.edn") << "{:type :invoke}";
  CHECK_FALSE(is_run(folder.path() + "/history.edn"));
}
