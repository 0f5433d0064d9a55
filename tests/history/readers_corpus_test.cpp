// Every file of the corpus is read, and read as what it is.

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "history/readers.h"
#include "history/text.h"
#include "tests/history/corpus.h"

namespace shaketable {
namespace {

namespace fs = std::filesystem;

History read_file(const fs::path& file, ReadNotes* notes = nullptr) {
  History history;
  HistoryBuilder builder(history);
  auto read = read_history_file(file.string(), {}, builder);
  if (!read) FAIL(read.error().message);
  if (notes) *notes = std::move(*read);
  return history;
}

HistoryFormat detected(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string head(4096, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(in.gcount()));
  const auto format = detect_history_format(file.filename().string(), head);
  INFO(file);
  REQUIRE(format);
  return *format;
}

std::vector<fs::path> files_in(const fs::path& folder, std::string_view ending) {
  std::vector<fs::path> files;
  if (folder.empty()) return files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() == ending) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// Each client does one thing at a time, and what it completes it had invoked.
void check_sane(const fs::path& file, const History& history) {
  std::set<std::int64_t> open;
  for (const Operation& operation : history.operations) {
    if (operation.process < 0) continue;
    INFO(file << ": process " << operation.process << ' ' << to_string(operation.type));
    if (operation.type == OpType::invoke)
      REQUIRE(open.insert(operation.process).second);
    else
      REQUIRE(open.erase(operation.process) == 1);
  }
}

TEST_CASE("corpus: the etcd logs are cas-register histories") {
  const fs::path corpus = corpus_folder();
  if (corpus.empty()) return;
  const auto files = files_in(corpus / "linearizability/etcd", ".log");
  CHECK(files.size() >= 68);
  std::size_t timeouts = 0;
  for (const fs::path& file : files) {
    INFO(file);
    CHECK(detected(file) == HistoryFormat::jepsen_log);
    const History history = read_file(file);
    if (file.filename() == "etcd_095.log")
      CHECK(history.operations.empty());
    else
      CHECK(history.operations.size() > 100);
    check_sane(file, history);
    for (const Operation& operation : history.operations) {
      const std::string_view f = operation.f.text();
      REQUIRE((f == "read" || f == "write" || f == "cas"));
      if (f == "cas" && operation.type == OpType::invoke)
        REQUIRE((operation.value.is_list() && operation.value.size() == 2));
      if (operation.error.is_nil()) continue;
      ++timeouts;
      REQUIRE(operation.error == Value::keyword("timed-out"));
      REQUIRE(operation.value.is_nil());
      REQUIRE((operation.type == OpType::info || f == "read"));
    }
  }
  CHECK(timeouts > 500);
}

TEST_CASE("corpus: the kv logs carry key and value") {
  const fs::path corpus = corpus_folder();
  if (corpus.empty()) return;
  const auto files = files_in(corpus / "linearizability/kv", ".txt");
  CHECK(files.size() >= 4);
  for (const fs::path& file : files) {
    CHECK(detected(file) == HistoryFormat::porcupine_kv);
    const History history = read_file(file);
    CHECK(history.operations.size() > 60);
    check_sane(file, history);
    for (const Operation& operation : history.operations) {
      REQUIRE(operation.value.is_list());
      REQUIRE(operation.value.size() == 2);
      REQUIRE(operation.value[0].kind() == Value::Kind::string);
      REQUIRE((operation.f.text() == "get" || operation.f.text() == "put" || operation.f.text() == "append"));
    }
  }
}

TEST_CASE("corpus: Knossos' EDN histories") {
  const fs::path corpus = corpus_folder();
  if (corpus.empty()) return;
  const auto files = files_in(corpus / "linearizability/knossos", ".edn");
  CHECK(files.size() >= 80);
  for (const fs::path& file : files) {
    CHECK(detected(file) == HistoryFormat::edn);
    const History history = read_file(file);
    CHECK(history.operations.size() >= 2);
    for (const Operation& operation : history.operations) REQUIRE_FALSE(operation.f.empty());
  }
  const History mutex = read_file(corpus / "linearizability/knossos/mutex_bad_etcd.edn");
  CHECK(std::count_if(mutex.operations.begin(), mutex.operations.end(),
                      [](const Operation& op) { return op.type == OpType::invoke; }) == 563);
  CHECK(mutex.operations[1].error == Value::keyword("not-held"));
  CHECK(mutex.operations[1].time_ns == 342667129);
}

TEST_CASE("corpus: AWDIT's text gives transactions by session") {
  const fs::path corpus = corpus_folder();
  if (corpus.empty()) return;
  const auto files = files_in(corpus / "isolation/awdit", ".txt");
  CHECK(files.size() >= 20);
  for (const fs::path& file : files) {
    CHECK(detected(file) == HistoryFormat::awdit);
    const History history = read_file(file);
    CHECK(history.operations.size() >= 2);
    check_sane(file, history);
  }
  const History fork = read_file(corpus / "isolation/awdit/causal/long-fork.txt");
  std::string text;
  for (const Operation& operation : fork.operations)
    text += std::to_string(operation.process) + " " + std::string(to_string(operation.type)) + " " +
            to_json(operation.value) + "\n";
  CHECK(text ==
        "0 invoke [[\"w\",0,0],[\"w\",1,0]]\n0 ok [[\"w\",0,0],[\"w\",1,0]]\n"
        "1 invoke [[\"w\",0,1]]\n1 ok [[\"w\",0,1]]\n"
        "1 invoke [[\"r\",0,null],[\"r\",1,null]]\n1 ok [[\"r\",0,1],[\"r\",1,0]]\n"
        "2 invoke [[\"w\",1,1]]\n2 ok [[\"w\",1,1]]\n"
        "2 invoke [[\"r\",1,null],[\"r\",0,null]]\n2 ok [[\"r\",1,1],[\"r\",0,0]]\n");
}

TEST_CASE("corpus: simulated databases and aggregates") {
  const fs::path corpus = corpus_folder();
  if (corpus.empty()) return;
  int simulated = 0;
  for (const fs::path& file : files_in(corpus / "isolation", ".jsonl")) {
    if (!file.filename().string().starts_with("sim-") || file.filename() == "sim-verdicts.jsonl") continue;
    ++simulated;
    CHECK(detected(file) == HistoryFormat::jsonl);
    const History history = read_file(file);
    check_sane(file, history);
    CHECK(history.operations.size() >= 200);
  }
  CHECK(simulated >= 8);
  CHECK(detected(corpus / "aggregate/set_full.json") == HistoryFormat::json);
  for (const char* name : {"bank.edn", "bank-tidb.edn", "counter.edn", "set.edn", "set_full.json"}) {
    INFO(name);
    CHECK(read_file(corpus / "aggregate" / name).operations.size() >= 8);
  }
  for (const char* name : {"paper-example.edn", "rw-register.edn"})
    CHECK(read_file(corpus / "isolation" / name).operations.size() >= 6);
  ReadNotes notes;
  read_file(corpus / "isolation/paper-example.edn", &notes);
  CHECK_THAT(notes.notes, Catch::VectorContains(std::string("8 events have no f")));
}

TEST_CASE("corpus: Elle's own test histories lie inside larger objects") {
  const fs::path corpus = corpus_folder();
  if (corpus.empty()) return;
  std::size_t histories = 0;
  for (const char* name : {"elle-tests-list-append.jsonl", "elle-tests-rw-register.jsonl"}) {
    std::ifstream in(corpus / "isolation" / name);
    REQUIRE(in);
    for (std::string line; std::getline(in, line);) {
      const auto object = parse_json(line);
      if (!object) FAIL(name << ": " << object.error().message);
      const Value* list = object->find("history");
      REQUIRE(list);
      const auto history = operations_from_value(*list);
      if (!history) FAIL(name << ": " << history.error().message);
      CHECK(history->operations.size() == list->size());
      ++histories;
    }
  }
  CHECK(histories > 50);
}

}  // namespace
}  // namespace shaketable
