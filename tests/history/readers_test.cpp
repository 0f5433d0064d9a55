#include "history/readers.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "history/text.h"
#include "history/writers.h"
#include "tests/history/random_values.h"

namespace shaketable {
namespace {

using Format = HistoryFormat;

std::string print(const History& history) {
  std::string out;
  for (const Operation& op : history.operations)
    out += std::to_string(op.process) + " " + std::string(to_string(op.type)) + " " + std::string(op.f.text()) + " " +
           to_edn(op.value) + (op.error.is_nil() ? "" : " error " + to_edn(op.error)) +
           (op.time_ns < 0 ? "" : " at " + std::to_string(op.time_ns)) + "\n";
  return out;
}

struct Reading {
  History history;
  std::vector<std::string> notes;
};

Reading read(std::string_view text, Format format) {
  Reading reading;
  HistoryBuilder builder(reading.history);
  auto notes = read_history_text(text, "h", format, {}, builder);
  if (!notes) FAIL(notes.error().message);
  reading.notes = std::move(notes->notes);
  return reading;
}

std::string error(std::string_view text, Format format) {
  History history;
  HistoryBuilder builder(history);
  const auto notes = read_history_text(text, "h", format, {}, builder);
  REQUIRE_FALSE(notes);
  CHECK(notes.error().kind == ErrorKind::bad_input);
  return notes.error().message;
}

std::string repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// A file of its own, gone with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content, const std::string& name = "history") {
    folder_ = std::filesystem::temp_directory_path() / ("readers_test_" + std::to_string(Random::fresh_seed()));
    std::filesystem::create_directory(folder_);
    path_ = folder_ / name;
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::filesystem::remove_all(folder_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path folder_, path_;
};

TEST_CASE("JSON lines: fields in any order, what is unknown is passed over") {
  const Reading reading = read(
      "{\"type\":\"invoke\",\"process\":0,\"f\":\"write\",\"value\":1,\"time\":5,\"index\":0}\n"
      "\n"
      " {\"index\":1, \"value\":[1, null], \"f\":\":cas\", \"process\":\"3\", \"type\":\":info\", "
      "\"node\":{\"a\":[1]}, \"error\":\"x\"}\r\n"
      "{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"kill\",\"value\":null,\"time\":6.0}",
      Format::jsonl);
  CHECK(print(reading.history) == "0 invoke write 1 at 5\n3 info cas [1 nil] error \"x\"\n-1 info kill nil at 6\n");
  CHECK(reading.notes == std::vector<std::string>{"1 completion has no invocation before it", "1 event has no time"});
}

TEST_CASE("JSON lines: what the field records imperfectly is taken, and said") {
  const Reading reading = read(
      "{\"type\":\"ok\",\"process\":0,\"f\":null,\"value\":1,\"time\":-1,\"index\":4}\n"
      "{\"type\":\"ok\",\"f\":null,\"value\":2,\"time\":-1,\"index\":4}\n"
      "{\"type\":\"invoke\",\"process\":\"client-b\",\"value\":3,\"index\":5}\n"
      "{\"type\":\"invoke\",\"process\":\"client-b\",\"value\":4,\"index\":6}\n"
      "{\"type\":\"invoke\",\"process\":\"client-a\",\"value\":5,\"index\":7}\n",
      Format::jsonl);
  const std::string b = std::to_string(kFirstNamedProcess), a = std::to_string(kFirstNamedProcess + 1);
  CHECK(print(reading.history) == "0 ok  1\n" + std::to_string(kFirstNamelessProcess) + " ok  2\n" + b +
                                      " invoke  3\n" + b + " invoke  4\n" + a + " invoke  5\n");
  CHECK(reading.notes ==
        std::vector<std::string>{
            "1 operation names no process: it counts as a process of its own",
            "2 processes have names and got numbers in order of appearance", "1 completion has no invocation before it",
            "1 invocation comes from a process that had another one open: what became of that one is unknown",
            "5 events have no time (none has): their order is that of the file", "5 events have no f",
            "1 event stands out of the order of its index: the order of the file counts"});
}

TEST_CASE("JSON lines: errors name file, line, column, what was found and what was expected") {
  const std::string good = "{\"type\":\"invoke\",\"process\":0}\n";
  CHECK(error(good + "nonsense\n", Format::jsonl) ==
        "h:2:1: found \"nonsense\", expected an operation: {\"type\":…,\"process\":…,\"f\":…,\"value\":…}");
  CHECK(error(good + good + "{\"type\":\"invoke\"", Format::jsonl) ==
        "h:3:17: found the end of the file, expected \",\" or \"}\"");
  CHECK(error(good + "{\"type\":\"invoke\"\n" + good, Format::jsonl) ==
        "h:2:17: found the end of the line, expected \",\" or \"}\"");
  CHECK(error("{\"type\":\"invoked\"}", Format::jsonl) ==
        "h:1:9: found \"invoked\", expected invoke, ok, fail or info");
  CHECK(error("{\"type\":3}", Format::jsonl) == "h:1:9: found \"3\", expected invoke, ok, fail or info");
  CHECK(error("{\"process\":0}", Format::jsonl) ==
        "h:1:1: found an operation without type, expected \"type\" to be invoke, ok, fail or info");
  CHECK(error("{\"type\":\"ok\",\"process\":[0]}", Format::jsonl) ==
        "h:1:24: found \"[\", expected a process: a number or nemesis");
  CHECK(error("{\"type\":\"ok\",\"f\":7}", Format::jsonl) ==
        "h:1:18: found \"7\", expected a name: a string, a keyword or nil");
  CHECK(error("{\"type\":\"ok\",\"time\":\"now\"}", Format::jsonl) ==
        "h:1:21: found \"now\", expected a time in nanoseconds");
  CHECK(error("{\"é\":\"ok\" \"f\":7}", Format::jsonl) == "h:1:11: found \"f\", expected \",\" or \"}\"");
  CHECK(error(good.substr(0, good.size() - 1) + " x\n", Format::jsonl) ==
        "h:1:31: found \"x\", expected the end of the line");
  CHECK(error(std::string("{\"type\":\0}", 10), Format::jsonl) == "h:1:9: found byte 0x00, expected a JSON value");
  CHECK(error("{\"type\":\"ok\",\"value\":" + repeat("[", 300), Format::jsonl) ==
        "h:1:278: found one more, expected at most 256 levels of nesting");
  CHECK(error("[{\"type\":\"ok\"}]", Format::jsonl) ==
        "h:1:1: found \"[\", expected an operation: {\"type\":…,\"process\":…,\"f\":…,\"value\":…}");
}

TEST_CASE("a history that puts values into f is stopped before it fills the memory") {
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text += "{\"type\":\"invoke\",\"process\":0,\"f\":\"many-" + std::to_string(i) + "\"}\n";
  CHECK(error(text, Format::jsonl) ==
        "h:4097:34: found \"many-4096\", expected at most 4096 different names in f (is f where the value should be?)");
}

TEST_CASE("JSON arrays") {
  CHECK(print(read("[{\"type\":\"invoke\",\"process\":0,\"f\":\"read\"},\n\n "
                   "{\"type\":\"ok\",\"process\":0,\"f\":\"read\",\"value\":4} ]\n",
                   Format::json)
                  .history) == "0 invoke read nil\n0 ok read 4\n");
  CHECK(read(" [ ] ", Format::json).notes == std::vector<std::string>{"there is no operation in it"});
  CHECK(error(" ", Format::json) == "h:1:2: found the end of the file, expected \"[\" and operations");
  CHECK(error("{}", Format::json) == "h:1:1: found \"{\", expected \"[\" and operations");
  CHECK(error("[", Format::json) == "h:1:2: found the end of the file, expected an operation or \"]\"");
  CHECK(error("[{\"type\":\"ok\"}", Format::json) == "h:1:15: found the end of the file, expected \",\" or \"]\"");
  CHECK(error("[{\"type\":\"ok\"},", Format::json) == "h:1:16: found the end of the file, expected an operation");
  CHECK(error("[{\"type\":\"ok\"}\n{\"type\":\"ok\"}]", Format::json) == "h:2:1: found \"{\", expected \",\" or \"]\"");
  CHECK(error("[{\"type\":\"ok\"},\n]", Format::json) ==
        "h:2:1: found \"]\", expected an operation: {\"type\":…,\"process\":…,\"f\":…,\"value\":…}");
  CHECK(error("[] []", Format::json) == "h:1:4: found \"[\", expected the end of the file");
}

TEST_CASE("EDN: a vector, a list, or one map after another") {
  const std::string maps =
      "{:type :invoke, :f :read, :process 0, :time 3, :index 0} ; a comment\n"
      "#jepsen.history.Op{:type :ok\n :f :read :process 0 :value #{1} \"error\" [:a \"b\"] :extra {:x nil}}";
  const std::string printed = "0 invoke read nil at 3\n0 ok read #{1} error [:a \"b\"]\n";
  CHECK(print(read(maps, Format::edn).history) == printed);
  CHECK(print(read("; first\n[" + maps + "]\n; last", Format::edn).history) == printed);
  CHECK(print(read("(" + maps + ")", Format::edn).history) == printed);
  CHECK(print(read("{:type :info :process :nemesis :f :start :value nil}#_{:type :ok}", Format::edn).history) ==
        "-1 info start nil\n");
  CHECK(read("[]", Format::edn).notes == std::vector<std::string>{"there is no operation in it"});
}

TEST_CASE("EDN: errors name file, line, column, what was found and what was expected") {
  const std::string good = "{:type :invoke :process 0}\n";
  CHECK(error("[" + good, Format::edn) == "h:2:1: found the end of the file, expected an operation or \"]\"");
  CHECK(error("(" + good + "]", Format::edn) ==
        "h:2:1: found \"]\", expected an operation: {:type …, :process …, :f …, :value …}");
  CHECK(error("[" + good + "] 3", Format::edn) == "h:2:3: found \"3\", expected the end of the file");
  CHECK(error(good + "[1]", Format::edn) ==
        "h:2:1: found \"[\", expected an operation: {:type …, :process …, :f …, :value …}");
  CHECK(error(good + "{:type :okay}", Format::edn) == "h:2:8: found \":okay\", expected invoke, ok, fail or info");
  CHECK(error(good + " {:process 1}", Format::edn) ==
        "h:2:2: found an operation without :type, expected :type to be :invoke, :ok, :fail or :info");
  CHECK(error("{:type :ok :value}", Format::edn) == "h:1:18: found \"}\", expected a value for the key before it");
  CHECK(error("{:type :ok :value [1 2}", Format::edn) == "h:1:23: found \"}\", expected a value or \"]\"");
  CHECK(error("{:type :ok", Format::edn) == "h:1:11: found the end of the file, expected a key or \"}\"");
  CHECK(error("{:type :ok :value \"x\n\n", Format::edn) ==
        "h:3:1: found the end of the file, expected '\"' at the end of the string");
  CHECK(error("{:type :ok :process #{}}", Format::edn) ==
        "h:1:21: found \"#\", expected a process: a number or nemesis");
  CHECK(error(std::string("{:type \0", 8), Format::edn) == "h:1:8: found byte 0x00, expected a value");
  CHECK(error("{:type :ok :value " + repeat("{1 ", 300), Format::edn) ==
        "h:1:787: found one more, expected at most 256 levels of nesting");
}

TEST_CASE("Jepsen logs: the operations of jepsen.util, whatever stands around them") {
  const Reading reading = read(
      "INFO  jepsen.core - Running test\n"
      "INFO  jepsen.util - 0\t:invoke\t:write\t[1 2]\n"
      "INFO  jepsen.util - :nemesis\t:info\t:start\tCut off {:n1 #{:n2}}\n"
      "INFO  jepsen.util - 0   :info   :write  :timed-out\n"
      "INFO [2020-01-02 03:04:05,678] jepsen worker 3 - jepsen.util 3\t:invoke\t:read\tnil\n"
      "INFO  jepsen.util - 3\t:fail\t:read\t:timed-out\n"
      "INFO  jepsen.util - 4\t:invoke\t:cas\t[0 1]\n"
      "INFO  jepsen.util - 4\t:fail\t:cas\t:timed-out\n"
      "INFO  jepsen.util - 5\t:invoke\t:write\t1\n"
      "INFO  jepsen.util - 5\t:fail\t:write\t1\t:not-leader\n",
      Format::jepsen_log);
  CHECK(print(reading.history) ==
        "0 invoke write [1 2]\n0 info write nil error :timed-out\n3 invoke read nil\n3 fail read nil error :timed-out\n"
        "4 invoke cas [0 1]\n4 info cas nil error :timed-out\n5 invoke write 1\n5 fail write 1 error :not-leader\n");
  CHECK(reading.notes == std::vector<std::string>{"1 line of the nemesis passed over",
                                                  "1 line not of jepsen.util passed over",
                                                  "8 events have no time (none has): their order is that of the file"});
  CHECK(error("INFO  jepsen.util - 0\t:invoke\t:write\t[1 2\n", Format::jepsen_log) ==
        "h:1:42: found the end of the line, expected a value or \"]\"");
  CHECK(error("INFO  jepsen.util - 0\t:began\t:write\t1\n", Format::jepsen_log) ==
        "h:1:23: found \":began\", expected invoke, ok, fail or info");
  CHECK(error("INFO  jepsen.util - 0\t:ok\t:write\t1 2 3\n", Format::jepsen_log) ==
        "h:1:38: found \"3\", expected the end of the line");
  CHECK(error("INFO  jepsen.util - 0\t:ok\n", Format::jepsen_log) ==
        "h:1:26: found the end of the line, expected a value");
  CHECK(error("hello\n", Format::jepsen_log) ==
        "h: found 1 line and no operation, expected lines like \"INFO  jepsen.util - 0 :invoke :read nil\"");
}

TEST_CASE("Porcupine kv logs: the key joins the value") {
  CHECK(print(read("{:process 0, :type :invoke, :f :put, :key \"a\", :value \"x\"}\n{:process 0, :type :ok, :f :put, "
                   ":key \"a\", :value \"x\"}\n"
                   "{:process 1, :type :invoke, :f :get, :key \"a\", :value nil}",
                   Format::porcupine_kv)
                  .history) == "0 invoke put [\"a\" \"x\"]\n0 ok put [\"a\" \"x\"]\n1 invoke get [\"a\" nil]\n");
  CHECK(error("{:process 0, :type :invoke, :f :put, :value \"x\"}", Format::porcupine_kv) ==
        "h:1:1: found an operation without :key, expected :key to be what :f is done to");
}

TEST_CASE("AWDIT text: errors and odd shapes") {
  CHECK(print(read("w 0 1\r\n-----\n\n=====\n=====\n  r 0 1  \n-----\n-----\n", Format::awdit).history) ==
        "0 invoke txn [[\"w\" 0 1]]\n0 ok txn [[\"w\" 0 1]]\n2 invoke txn [[\"r\" 0 nil]]\n2 ok txn [[\"r\" 0 1]]\n");
  CHECK(error("w 0 1\nx 0 1\n", Format::awdit) ==
        "h:2:1: found \"x\", expected \"w KEY VALUE\", \"r KEY VALUE\", \"-----\" or \"=====\"");
  CHECK(error("w 0\n", Format::awdit) == "h:1:4: found the end of the line, expected a value: a whole number");
  CHECK(error("w 0 1 2", Format::awdit) == "h:1:7: found \"2\", expected the end of the line");
  CHECK(error("w a 1", Format::awdit) == "h:1:3: found \"a\", expected a key: a whole number");
  CHECK(error("w0 1", Format::awdit) == "h:1:2: found \"0\", expected a space");
  CHECK(error("w 0 99999999999999999999", Format::awdit) ==
        "h:1:5: found \"99999999999999999999\", expected a value: a whole number");
  CHECK(read("=====\n", Format::awdit).notes == std::vector<std::string>{"there is no operation in it"});
}

TEST_CASE("an empty file is an empty history in every format, and the note says so") {
  for (const Format format :
       {Format::edn, Format::json, Format::jsonl, Format::jepsen_log, Format::porcupine_kv, Format::awdit})
    CHECK(read("", format).notes == std::vector<std::string>{"the file is empty"});
  const TemporaryFile file("", "nothing.bin");
  History history;
  HistoryBuilder builder(history);
  const auto notes = read_history_file(file.path(), {}, builder);
  REQUIRE(notes);
  CHECK(notes->notes == std::vector<std::string>{"the file is empty"});
}

TEST_CASE("the format is told by the content, then by the name") {
  CHECK(detect_history_format("x.edn", "{\"type\":\"ok\"}") == Format::jsonl);
  CHECK(detect_history_format("x.jsonl", " [ {\"type\":\"ok\"}") == Format::json);
  CHECK(detect_history_format("x.txt", "[{:type :ok}") == Format::edn);
  CHECK(detect_history_format("x", "; comment\n{:type :ok}") == Format::edn);
  CHECK(detect_history_format("x", "#jepsen.history.Op{:type :ok}") == Format::edn);
  CHECK(detect_history_format("x", "({:type :ok})") == Format::edn);
  CHECK(detect_history_format("x.edn", "{:type :ok, :f :get, :key \"1\", :value nil}") == Format::porcupine_kv);
  CHECK(detect_history_format("x.edn", "{:type :ok, :f :txn, :value {:key \"1\"}}") == Format::edn);
  CHECK(detect_history_format("x", "[2020-01-01] INFO jepsen.util - 0 :invoke :read nil") == Format::jepsen_log);
  CHECK(detect_history_format("x", "w 0 1\n") == Format::awdit);
  CHECK(detect_history_format("x.log", "starting up") == Format::jepsen_log);
  CHECK(detect_history_format("x.json", "[]") == Format::json);
  CHECK(detect_history_format("x.edn", "[]") == Format::edn);
  CHECK(detect_history_format("x.ndjson", "") == Format::jsonl);
  CHECK(detect_history_format("x", "[]") == std::nullopt);
  CHECK(detect_history_format("x.txt", "hello") == std::nullopt);
  for (const Format format :
       {Format::edn, Format::json, Format::jsonl, Format::jepsen_log, Format::porcupine_kv, Format::awdit})
    CHECK(history_format_named(to_string(format)) == format);
  CHECK(history_format_named("xml") == std::nullopt);
}

TEST_CASE("files: a byte order mark is skipped, what cannot be read is said") {
  History history;
  HistoryBuilder builder(history);
  const TemporaryFile marked("\xef\xbb\xbf{\"type\":\"ok\",\"process\":2}\n", "marked.jsonl");
  REQUIRE(read_history_file(marked.path(), {}, builder));
  CHECK(history.operations.size() == 1);

  const TemporaryFile unknown("\n  hello world", "unknown.txt");
  auto read = read_history_file(unknown.path(), {}, builder);
  REQUIRE_FALSE(read);
  CHECK(read.error().message ==
        unknown.path() +
            ":2:3: found \"hello\", expected a history: EDN, JSON, JSON lines, a Jepsen log, a Porcupine kv "
            "log or AWDIT text");
  read = read_history_file("/no/such/file.edn", {}, builder);
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == ErrorKind::bad_input);
  CHECK(read.error().message == "/no/such/file.edn: No such file or directory");
  read = read_history_file("/tmp", {}, builder);
  REQUIRE_FALSE(read);
  CHECK(read.error().message == "/tmp: found a directory, expected a file with a history");

  ReadOptions as_edn;
  as_edn.format = Format::edn;
  read = read_history_file(marked.path(), as_edn, builder);
  REQUIRE_FALSE(read);
  CHECK(read.error().message == marked.path() + ":1:9: found \"ok\", expected a name");
}

TEST_CASE("what the sink refuses ends the reading with the sink's own words") {
  struct Refusing : OperationSink {
    Result<void> take(Operation) override { return ++taken == 2 ? infrastructure("enough") : Result<void>{}; }
    int taken = 0;
  };
  for (const auto& [text, format] :
       {std::pair{"{\"type\":\"ok\"}\n{\"type\":\"ok\"}\n{\"type\":\"ok\"}\n", Format::jsonl},
        std::pair{"[{\"type\":\"ok\"},{\"type\":\"ok\"},{\"type\":\"ok\"}]", Format::json},
        std::pair{"{:type :ok}{:type :ok}{:type :ok}", Format::edn}, std::pair{"w 0 1\n-----\nw 0 2", Format::awdit}}) {
    Refusing sink;
    const auto read = read_history_text(text, "h", format, {}, sink);
    REQUIRE_FALSE(read);
    CHECK(read.error().message == "enough");
    CHECK(sink.taken == 2);
  }
}

// Files are read in blocks; operations and errors must not depend on where the blocks end.
TEST_CASE("a file of many blocks reads as its text does, errors at the same place") {
  Random random(7);
  History history;
  std::string long_text(700'000, 'x');
  for (int i = 0; i < 4'000; ++i) {
    Operation op;
    op.type = static_cast<OpType>(random.below(4));
    op.process = random.between(-1, 20);
    op.f = Name("read");
    op.value = i % 1500 == 700 ? Value(long_text) : random_value(random);
    op.time_ns = i;
    history.operations.push_back(std::move(op));
  }
  for (const Format format : {Format::edn, Format::jsonl, Format::json}) {
    std::ostringstream written;
    REQUIRE(export_history(history, format, written));
    std::string text = written.str();
    REQUIRE(text.size() > 2'000'000);
    {
      const TemporaryFile file(text);
      Reading from_file;
      HistoryBuilder builder(from_file.history);
      ReadOptions options;
      options.format = format;
      const auto notes = read_history_file(file.path(), options, builder);
      if (!notes) FAIL(notes.error().message);
      const Reading from_text = read(text, format);
      CHECK(notes->notes == from_text.notes);
      CHECK(print(from_file.history) == print(from_text.history));
      CHECK(from_file.history.operations.size() == history.operations.size());
    }
    for (int i = 0; i < 12; ++i) {
      // Cut off, or a byte broken.
      std::string broken = text;
      const std::size_t at = random.below(text.size());
      if (i % 2)
        broken.resize(at);
      else
        broken[at] = '\0';
      const TemporaryFile file(broken);
      History part, same_part;
      HistoryBuilder builder(part), same_builder(same_part);
      ReadOptions options;
      options.format = format;
      const auto from_file = read_history_file(file.path(), options, builder);
      const auto from_text = read_history_text(broken, file.path(), format, {}, same_builder);
      REQUIRE(from_file.has_value() == from_text.has_value());
      if (!from_file) CHECK(from_file.error().message == from_text.error().message);
      CHECK(print(part) == print(same_part));
    }
  }
}

TEST_CASE("a truncated history is an error, never a shorter history, unless it ends between operations") {
  const std::string line = "{\"type\":\"ok\",\"process\":1,\"value\":[1,2]}\n";
  for (std::size_t length = 1; length + 1 < line.size(); ++length) error(line + line.substr(0, length), Format::jsonl);
  const std::string map = "{:type :ok, :process 1, :value [1 2]}";
  for (std::size_t length = 1; length < map.size(); ++length) error(map + "\n" + map.substr(0, length), Format::edn);
  for (std::size_t length = 1; length < map.size() + 2; ++length)
    error(("[" + map + "]").substr(0, length), Format::edn);
  const std::string array = "[" + line.substr(0, line.size() - 1) + "]";
  for (std::size_t length = 1; length < array.size(); ++length) error(array.substr(0, length), Format::json);
}

TEST_CASE("operations inside a larger value") {
  const auto list = parse_json(R"([{"type":"invoke","process":0,"f":"txn","value":[["r","x",null]],"time":-1},
                                   {"type":"ok","process":0,"f":null,"value":[["r","x",1]]}])");
  REQUIRE(list);
  const auto history = operations_from_value(*list);
  REQUIRE(history);
  CHECK(print(*history) == "0 invoke txn [[\"r\" \"x\" nil]]\n0 ok  [[\"r\" \"x\" 1]]\n");
  const auto keywords = parse_edn("[{:type :info :process :nemesis :f :start}]");
  REQUIRE(keywords);
  CHECK(print(*operations_from_value(*keywords)) == "-1 info start nil\n");
  CHECK(operations_from_value(Value(3)).error().message == "found 3, expected a list of operations");
  CHECK(operations_from_value(Value::list({1})).error().message ==
        "operation 0: found 1, expected a map with type, process, f and value");
  CHECK(operations_from_value(Value::list({Value::map({{"type", "never"}})})).error().message ==
        "operation 0: found \"never\", expected invoke, ok, fail or info");
  CHECK(operations_from_value(Value::list({Value::map({{"f", "read"}})})).error().message ==
        "operation 0: found {\"f\" \"read\"}, expected a type: invoke, ok, fail or info");
}

}  // namespace
}  // namespace shaketable
