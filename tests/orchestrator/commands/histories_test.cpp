// Histories of others, and our own, through the program: every format, every model, the bounds, export.

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <map>

#include "base/clock.h"
#include "history/readers.h"
#include "history/recorder.h"
#include "history/run_file.h"
#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

std::string file(const Scratch& scratch, const std::string& name, const std::string& content) {
  std::ofstream(scratch / name, std::ios::binary) << content;
  return scratch / name;
}

Said check(const std::string& history, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"check", history, "--checker", "linearizable"});
  return run_shaketable(more);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// One process, one line for each operation: f, argument, result.
std::string sequential(const std::vector<std::vector<std::string>>& operations) {
  std::string text;
  for (const auto& op : operations) {
    text += "{:process 0, :type :invoke, :f :" + op[0] + ", :value " + op[1] + "}\n";
    text += "{:process 0, :type :ok, :f :" + op[0] + ", :value " + op[2] + "}\n";
  }
  return text;
}

}  // namespace

TEST_CASE("command line: a history is judged whatever it is written in") {
  Scratch scratch;
  // Each: a write of 1, a read of it, and a read of what nobody wrote.
  const std::map<std::string, std::string> good = {
      {"vector.edn",
       "[{:process 0, :type :invoke, :f :write, :value 1} {:process 0, :type :ok, :f :write, :value 1}\n"
       " {:process 1, :type :invoke, :f :read, :value nil} {:process 1, :type :ok, :f :read, :value 1}]"},
      {"lines.edn",
       "{:process 0, :type :invoke, :f :write, :value 1}\n{:process 0, :type :ok, :f :write, :value 1}\n"
       "{:process 1, :type :invoke, :f :read, :value nil}\n{:process 1, :type :ok, :f :read, :value 1}\n"},
      {"records.edn",
       "#jepsen.history.Op{:index 0, :time 5, :type :invoke, :process 0, :f :write, :value 1}\n"
       "#jepsen.history.Op{:index 1, :time 6, :type :ok, :process 0, :f :write, :value 1}\n"
       "#knossos.op.Op{:process 1, :type :invoke, :f :read, :value nil, :error #object[x \"y\" \"z\"]}\n"
       "#knossos.op.Op{:process 1, :type :ok, :f :read, :value 1}\n"},
      {"array.json",
       "[{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1},"
       "{\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"value\":1},\n"
       "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"value\":null},"
       "{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":1}]"},
      {"lines.jsonl",
       "{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1}\n"
       "{\"process\":0,\"type\":\"ok\",\"f\":\"write\",\"value\":1}\n"
       "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\",\"value\":null}\n"
       "{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":1}\n"},
      {"jepsen.log",
       "INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t1\n"
       "INFO  jepsen.core - nothing of interest\n"
       "INFO  jepsen.util - 1\t:invoke\t:read\tnil\nINFO  jepsen.util - 1\t:ok\t:read\t1\n"}};
  for (const auto& [name, text] : good) {
    INFO(name);
    const Said said = check(file(scratch, name, text), {"--model", "register"});
    INFO(said.err);
    CHECK(said.exit_code == 0);
    CHECK(contains(said.out, "linearizable: valid (2 operations"));
    std::string bad = text;
    bad.replace(bad.rfind('1'), 1, "7");
    CHECK(check(file(scratch, "bad-" + name, bad), {"--model", "register"}).exit_code == 1);
  }
}

TEST_CASE("command line: keys are told by tuples, by the logs of Porcupine, and by a tag") {
  Scratch scratch;
  const std::string tuples =
      sequential({{"write", "[1 5]", "[1 5]"}, {"read", "[2 nil]", "[2 nil]"}, {"read", "[1 nil]", "[1 5]"}});
  CHECK(check(file(scratch, "t.edn", tuples), {"--model", "register", "--keyed"}).exit_code == 0);
  CHECK(check(scratch / "t.edn", {"--model", "register"}).exit_code == 1);
  const std::string tagged =
      sequential({{"write", "#jepsen.independent/tuple [1 5]", "#jepsen.independent/tuple [1 5]"},
                  {"read", "#jepsen.independent/tuple [:k nil]", "#jepsen.independent/tuple [:k nil]"}});
  CHECK(check(file(scratch, "g.edn", tagged), {"--model", "register", "--keyed"}).exit_code == 0);
  const std::string kv =
      "{:process 0, :type :invoke, :f :append, :key \"3\", :value \"x\"}\n"
      "{:process 0, :type :ok, :f :append, :key \"3\", :value \"x\"}\n"
      "{:process 1, :type :invoke, :f :get, :key \"3\", :value nil}\n"
      "{:process 1, :type :ok, :f :get, :key \"3\", :value \"x\"}\n";
  CHECK(check(file(scratch, "kv.txt", kv), {"--model", "kv-append"}).exit_code == 0);
  CHECK(check(file(scratch, "kv2.txt", kv + kv), {"--model", "kv-append"}).exit_code == 1);
}

TEST_CASE("command line: every model judges a good and a bad history of its own") {
  Scratch scratch;
  struct Row {
    std::vector<std::vector<std::string>> good, bad;
    std::vector<std::string> options = {};
  };
  const std::map<std::string, Row> rows = {
      {"register", {{{"write", "1", "1"}, {"read", "nil", "1"}}, {{"read", "nil", "1"}}}},
      {"cas-register",
       {{{"cas", "[0 2]", "[0 2]"}, {"read", "nil", "2"}}, {{"cas", "[1 2]", "[1 2]"}}, {"--initial", "0"}}},
      {"multi-register",
       {{{"txn", "[[:write :x 1] [:read :y nil]]", "[[:write :x 1] [:read :y 0]]"}},
        {{"txn", "[[:read :x nil] [:read :y nil]]", "[[:read :x 1] [:read :y 0]]"}},
        {"--initial", "{\"x\":0,\"y\":0}"}}},
      {"kv-append",
       {{{"append", "[1 \"a\"]", "[1 \"a\"]"}, {"get", "[1 nil]", "[1 \"a\"]"}}, {{"get", "[1 nil]", "[1 \"a\"]"}}}},
      {"set", {{{"add", "1", "true"}, {"read", "nil", "#{1}"}, {"remove", "1", "true"}}, {{"remove", "1", "true"}}}},
      {"gset", {{{"add", "1", "1"}, {"read", "nil", "[1]"}}, {{"read", "nil", "[1]"}}}},
      {"fifo-queue",
       {{{"enqueue", "1", "1"}, {"enqueue", "2", "2"}, {"dequeue", "nil", "1"}},
        {{"enqueue", "1", "1"}, {"enqueue", "2", "2"}, {"dequeue", "nil", "2"}}}},
      {"unordered-queue",
       {{{"enqueue", "1", "1"}, {"enqueue", "2", "2"}, {"dequeue", "nil", "2"}},
        {{"enqueue", "1", "1"}, {"dequeue", "nil", "nil"}}}},
      {"stack",
       {{{"push", "1", "1"}, {"push", "2", "2"}, {"pop", "nil", "2"}},
        {{"push", "1", "1"}, {"push", "2", "2"}, {"pop", "nil", "1"}}}},
      {"priority-queue",
       {{{"enqueue", "2", "2"}, {"enqueue", "1", "1"}, {"dequeue", "nil", "1"}},
        {{"enqueue", "2", "2"}, {"enqueue", "1", "1"}, {"dequeue", "nil", "2"}}}},
      {"mutex",
       {{{"acquire", "nil", "nil"}, {"release", "nil", "nil"}},
        {{"acquire", "nil", "nil"}, {"acquire", "nil", "nil"}}}},
      {"reentrant-mutex", {{{"acquire", "nil", "nil"}, {"acquire", "nil", "nil"}}, {{"release", "nil", "nil"}}}},
      {"fenced-mutex",
       {{{"acquire", "nil", "1"}, {"release", "nil", "nil"}, {"acquire", "nil", "2"}},
        {{"acquire", "nil", "2"}, {"release", "nil", "nil"}, {"acquire", "nil", "1"}}}},
      {"semaphore", {{{"acquire", "2", "2"}}, {{"acquire", "2", "2"}, {"acquire", "nil", "nil"}}, {"--initial", "2"}}},
      {"counter", {{{"add", "2", "2"}, {"read", "nil", "2"}}, {{"add", "2", "2"}, {"read", "nil", "1"}}}},
      {"log", {{{"append", "5", "[5 0]"}, {"get", "0", "5"}}, {{"append", "5", "[5 0]"}, {"get", "0", "6"}}}}};
  const Said listed = run_shaketable({"list", "models", "--json"});
  const auto models = parse_json(listed.out);
  REQUIRE(models);
  std::size_t judged = 0;
  for (const Value& model : models->items()) {
    if (!model.find("about")->text().starts_with("linearizable: ")) continue;
    ++judged;
    const std::string name(model.find("name")->text());
    INFO(name);
    REQUIRE(rows.count(name) == 1);
    std::vector<std::string> options = {"--model", name};
    options.insert(options.end(), rows.at(name).options.begin(), rows.at(name).options.end());
    const Said good = check(file(scratch, "good.edn", sequential(rows.at(name).good)), options);
    CHECK(good.err + good.out == "linearizable: valid (" + std::to_string(rows.at(name).good.size()) + " operation" +
                                     good.out.substr(good.out.find(rows.at(name).good.size() == 1 ? ", " : "s, ")));
    CHECK(good.exit_code == 0);
    CHECK(check(file(scratch, "bad.edn", sequential(rows.at(name).bad)), options).exit_code == 1);
  }
  CHECK(judged == rows.size());
}

TEST_CASE("command line: what a nil read means") {
  Scratch scratch;
  const std::string path = file(scratch, "h.edn", sequential({{"write", "1", "1"}, {"read", "nil", "nil"}}));
  CHECK(check(path).exit_code == 1);
  CHECK(check(path, {"--nil-read", "absent"}).exit_code == 1);
  CHECK(check(path, {"--nil-read", "any"}).exit_code == 0);
  CHECK(check(path, {"--nil-read", "maybe"}).exit_code == 3);
  CHECK(check(path, {"--initial", "{"}).exit_code == 3);
}

TEST_CASE("command line: where nothing happened there is nothing to judge") {
  Scratch scratch;
  const Said empty = check(file(scratch, "h.edn", ""));
  CHECK(empty.exit_code == 2);
  CHECK(contains(empty.out, "too little to judge"));
  // The field calls this valid; the line says why.
  const Said nemesis = check(file(scratch, "h.edn", "{:process :nemesis, :type :info, :f :kill, :value nil}\n"));
  CHECK(nemesis.exit_code == 0);
  CHECK(contains(nemesis.out, "no client did anything"));
}

TEST_CASE("command line: a counterexample as JSON has what a picture of it needs") {
  Scratch scratch;
  const std::string path =
      file(scratch, "h.edn", sequential({{"write", "1", "1"}, {"write", "2", "2"}, {"read", "nil", "1"}}));
  const Said said = check(path, {"--json"});
  CHECK(said.exit_code == 1);
  const auto json = parse_json(said.out);
  REQUIRE(json);
  const Value& details = (*json->find("anomalies")->find("nonlinearizable"))[0];
  const Value* found = details.find("details") ? details.find("details") : &details;
  for (const char* name :
       {"operation", "prefix", "concurrent", "window", "partial", "partial_found", "partial_complete"}) {
    INFO(name << said.out);
    CHECK(found->find(name));
  }
  CHECK(check(path, {"--json"}).out.substr(0, said.out.find("\"seconds\"")) ==
        said.out.substr(0, said.out.find("\"seconds\"")));
}

TEST_CASE("command line: a hard history ends within its memory and says how far it got") {
  Scratch scratch;
  // Crashed compare-and-sets between seven values, and reads of what they may have left: every order must be tried.
  std::string text =
      "{:process 98, :type :invoke, :f :read, :value nil}\n{:process 98, :type :ok, :f :read, :value 0}\n";
  for (int i = 0; i < 84; ++i)
    text += "{:process " + std::to_string(i) + ", :type :invoke, :f :cas, :value [" + std::to_string(i % 7) + " " +
            std::to_string((i / 7 + i + 1) % 7) + "]}\n";
  text += sequential({{"read", "nil", "77"}});
  for (int i = 0; i < 7; ++i) text += sequential({{"read", "nil", std::to_string(i)}});
  const Said said = check(file(scratch, "h.edn", text), {"--initial", "0", "--memory", "96MiB", "--timeout", "50s"});
  INFO(said.out << said.err);
  CHECK(said.exit_code == 2);
  CHECK(contains(said.out, "linearizable up to event"));
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  CHECK(usage.ru_maxrss < (96 + 32) << 10);  // the program itself takes its share
  const Said hurried = check(scratch / "h.edn", {"--initial", "0", "--timeout", "300ms"});
  CHECK(hurried.exit_code == 2);
  CHECK(contains(hurried.out, "the time is up"));
}

TEST_CASE("command line: an exported run reads back equal in every format") {
  Scratch scratch;
  const std::string run = scratch / "run";
  std::filesystem::create_directories(run);
  const char* weird[] = {"nil",
                         "[1 nil [\"a\" :b {:c #{1 2}}]]",
                         "{:k {\"x\" [1.5 -0.0 ##Inf]}, 3 :three, nil 4}",
                         "#{:a \"a\" 1 1.0 [1]}",
                         "\"tab\\t, newline\\n, quote\\\" and \\u00e9\"",
                         "9223372036854775807",
                         "-9223372036854775808",
                         "1.0E+300",
                         "##NaN",
                         "true",
                         ":key/word"};
  History recorded;
  HistoryBuilder builder(recorded);
  {
    SteadyClock clock;
    RunInfo info;
    info.name = "export";
    auto recorder = Recorder::create(run, info, clock);
    REQUIRE(recorder);
    std::int64_t process = 0;
    for (const char* text : weird) {
      const Value value = *parse_edn(text);
      const auto handle = (*recorder)->invoke(process, 0, "n1", Name("write"), value);
      REQUIRE(handle);
      const OpType type = process % 3 == 0 ? OpType::ok : process % 3 == 1 ? OpType::info : OpType::fail;
      REQUIRE((*recorder)->complete(*handle, type, value, process % 2 ? value : Value()));
      ++process;
    }
    REQUIRE((*recorder)->finish("end"));
  }
  const auto opened = open_run(run);
  REQUIRE(opened);
  REQUIRE(opened->read(builder));
  REQUIRE(recorded.operations.size() == 2 * std::size(weird));
  for (const std::string format : {"edn", "jsonl"}) {
    INFO(format);
    const std::string path = scratch / ("out." + format);
    REQUIRE(run_shaketable({"export", run, "--format", format, "--out", path}).exit_code == 0);
    History again;
    HistoryBuilder second(again);
    const auto notes = read_history_file(path, {}, second);
    INFO(content_of(path));
    REQUIRE(notes);
    REQUIRE(again.operations.size() == recorded.operations.size());
    for (std::size_t i = 0; i < again.operations.size(); ++i) {
      const Operation &was = recorded.operations[i], &is = again.operations[i];
      CHECK(is.value == was.value);
      CHECK(is.error == was.error);
      CHECK(is.type == was.type);
      CHECK(is.process == was.process);
      CHECK(is.f == was.f);
      CHECK(is.time_ns == was.time_ns);
    }
    // Judged alike, from the run and from what was exported.
    CHECK(check(path).exit_code == check(run).exit_code);
  }
  CHECK(run_shaketable({"export", run, "--format", "xml"}).exit_code == 3);
  CHECK(run_shaketable({"export", run, "--out", scratch / "no/such/folder"}).exit_code == 4);
}

TEST_CASE("command line: a malformed line of any format is told by file line and column") {
  Scratch scratch;
  const std::map<std::string, std::pair<std::string, std::string>> rows = {
      {"a.edn", {"{:process 0, :type :invoke, :f :read}\n{:process 0, :type :wat}\n", ":2:"}},
      {"b.edn", {"[{:process 0, :type :invoke, :f :read}\n", ":2:1"}},
      {"c.json", {"[{\"type\":\"invoke\",\"process\":0},\n {\"type\":}]", ":2:10"}},
      {"d.jsonl", {"{\"type\":\"invoke\"}\n{\"type\":\"ok\",\n", ":2:14"}},
      {"e.log", {"INFO  jepsen.util - 0\t:invoke\t:write\t1\nINFO  jepsen.util - 0\t:ok\t:write\t[1\n", ":2:"}},
      {"f.txt",
       {"{:process 0, :type :invoke, :f :get, :key \"1\", :value nil}\n{:process 0, :type :ok, :f :get}\n", ":2:"}}};
  for (const auto& [name, row] : rows) {
    const std::string path = file(scratch, name, row.first);
    const Said said = check(path, {"--model", "kv-append"});
    INFO(said.err);
    CHECK(said.exit_code == 3);
    CHECK(contains(said.err, path + row.second));
    CHECK(contains(said.err, "expected"));
  }
}
