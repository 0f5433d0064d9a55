#include "history/writers.h"

#include <catch2/catch.hpp>
#include <sstream>

#include "history/text.h"
#include "tests/history/random_values.h"

namespace shaketable {
namespace {

Operation operation(OpType type, std::int64_t process, std::string_view f, Value value, std::int64_t time_ns = -1,
                    Value error = {}) {
  Operation op;
  op.type = type;
  op.process = process;
  op.f = Name(f);
  op.value = std::move(value);
  op.time_ns = time_ns;
  op.error = std::move(error);
  return op;
}

std::string written(const History& history, HistoryFormat format) {
  std::ostringstream out;
  const auto done = export_history(history, format, out);
  if (!done) FAIL(done.error().message);
  return out.str();
}

History read_back(const std::string& text, HistoryFormat format) {
  History history;
  HistoryBuilder builder(history);
  const auto read = read_history_text(text, "x", format, {}, builder);
  if (!read) FAIL(read.error().message << "\n" << text);
  return history;
}

const History& small_history() {
  static const History history{{
      operation(OpType::invoke, 0, "write", 3, 1500),
      operation(OpType::info, kNemesisProcess, "start-partition",
                Value::map({{Value::keyword("n1"), Value::set({"n2"})}}), 1600),
      operation(OpType::fail, 0, "write", 3, 1700, Value::keyword("not-leader")),
      operation(OpType::ok, 7, "", Value()),
      operation(OpType::invoke, 8, "two words", Value::list({1, "é\n"})),
  }};
  return history;
}

TEST_CASE("a history is written as EDN with Jepsen's names") {
  CHECK(written(small_history(), HistoryFormat::edn) ==
        "{:index 0, :time 1500, :type :invoke, :process 0, :f :write, :value 3}\n"
        "{:index 1, :time 1600, :type :info, :process :nemesis, :f :start-partition, :value {:n1 #{\"n2\"}}}\n"
        "{:index 2, :time 1700, :type :fail, :process 0, :f :write, :value 3, :error :not-leader}\n"
        "{:index 3, :type :ok, :process 7, :f nil, :value nil}\n"
        "{:index 4, :type :invoke, :process 8, :f \"two words\", :value [1 \"é\\n\"]}\n");
}

TEST_CASE("a history is written as JSON lines and as a JSON array") {
  CHECK(written(small_history(), HistoryFormat::jsonl) ==
        "{\"index\":0,\"time\":1500,\"type\":\"invoke\",\"process\":0,\"f\":\"write\",\"value\":3}\n"
        "{\"index\":1,\"time\":1600,\"type\":\"info\",\"process\":\"nemesis\",\"f\":\"start-partition\",\"value\":{"
        "\"n1\":[\"n2\"]},\"value_edn\":\"{:n1 #{\\\"n2\\\"}}\"}\n"
        "{\"index\":2,\"time\":1700,\"type\":\"fail\",\"process\":0,\"f\":\"write\",\"value\":3,\"error\":\"not-"
        "leader\",\"error_edn\":\":not-leader\"}\n"
        "{\"index\":3,\"type\":\"ok\",\"process\":7,\"f\":null,\"value\":null}\n"
        "{\"index\":4,\"type\":\"invoke\",\"process\":8,\"f\":\"two words\",\"value\":[1,\"é\\n\"]}\n");
  const History two{{operation(OpType::invoke, 1, "read", Value()), operation(OpType::ok, 1, "read", 2)}};
  CHECK(written(two, HistoryFormat::json) ==
        "[{\"index\":0,\"type\":\"invoke\",\"process\":1,\"f\":\"read\",\"value\":null},\n"
        "{\"index\":1,\"type\":\"ok\",\"process\":1,\"f\":\"read\",\"value\":2}]\n");
  CHECK(written({}, HistoryFormat::json) == "[]\n");
  CHECK(written({}, HistoryFormat::edn).empty());
}

TEST_CASE("the time an operation was due is written beside its time and read back") {
  History history{{operation(OpType::invoke, 0, "read", Value(), 1500)}};
  history.operations[0].due_ns = 1200;
  CHECK(written(history, HistoryFormat::edn) ==
        "{:index 0, :time 1500, :due 1200, :type :invoke, :process 0, :f :read, :value nil}\n");
  CHECK(written(history, HistoryFormat::jsonl) ==
        "{\"index\":0,\"time\":1500,\"due\":1200,\"type\":\"invoke\",\"process\":0,\"f\":\"read\",\"value\":null}\n");
  // Another tool's word of that name may hold anything.
  CHECK(read_back(R"({"type":"invoke","process":1,"due":"tomorrow"})", HistoryFormat::jsonl).operations.at(0).due_ns ==
        -1);
}

TEST_CASE("formats that cannot hold a history are refused") {
  std::ostringstream out;
  const auto done = export_history(small_history(), HistoryFormat::awdit, out);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::bad_input);
  CHECK(done.error().message == "a history cannot be written as awdit: use edn, json or jsonl");
}

TEST_CASE("a stream that takes nothing is an error, not a lost history") {
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  const auto done = export_history(small_history(), HistoryFormat::edn, out);
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::infrastructure);
  CHECK(done.error().message == "writing the history failed: is the disk full?");
}

TEST_CASE("what JSON cannot say is told as EDN beside it, in any order, and only that is taken") {
  const History read = read_back(R"({"type":"ok","process":1,"value_edn":"#{1 :a}","value":[1,"a"],"error":null}
{"type":"ok","process":1,"value":7,"error":"x","error_edn":"[:x {2 ##NaN}]"})",
                                 HistoryFormat::jsonl);
  CHECK(to_edn(read.operations.at(0).value) == "#{1 :a}");
  CHECK(read.operations.at(0).error.is_nil());
  CHECK(read.operations.at(1).value == Value(7));
  CHECK(to_edn(read.operations.at(1).error) == "[:x {2 ##NaN}]");
  History history;
  HistoryBuilder builder(history);
  for (const char* bad : {R"({"type":"ok","value_edn":3})", R"({"type":"ok","value_edn":"[1"})"}) {
    const auto refused = read_history_text(bad, "x", HistoryFormat::jsonl, {}, builder);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("x:1:26: found ") == 0);
    CHECK(refused.error().message.find(", expected a string with one EDN value") != std::string::npos);
  }
}

TEST_CASE("random histories read back equal from every format") {
  static const std::vector<std::string> names{"read", "write", "txn", "", "two words", "start!", "größe", "a/b"};
  Random random(99);
  for (int round = 0; round < 300; ++round) {
    History history;
    for (std::uint64_t n = random.below(40); n > 0; --n) {
      const std::int64_t process = random.chance(0.1) ? kNemesisProcess : random.between(0, 1'000'000);
      history.operations.push_back(operation(
          static_cast<OpType>(random.below(4)), process, random.pick(names), random_value(random),
          random.chance(0.2) ? -1 : random.between(0, INT64_MAX), random.chance(0.7) ? Value() : random_value(random)));
      if (random.chance(0.3)) history.operations.back().due_ns = random.between(0, INT64_MAX);
    }
    for (const HistoryFormat format : {HistoryFormat::edn, HistoryFormat::jsonl, HistoryFormat::json}) {
      const std::string text = written(history, format);
      CAPTURE(text);
      const History again = read_back(text, format);
      REQUIRE(again.operations.size() == history.operations.size());
      for (std::size_t i = 0; i < history.operations.size(); ++i) {
        const Operation &was = history.operations[i], &is = again.operations[i];
        REQUIRE(is.value == was.value);
        REQUIRE(is.error == was.error);
        REQUIRE(is.time_ns == was.time_ns);
        REQUIRE(is.due_ns == was.due_ns);
        REQUIRE(is.process == was.process);
        REQUIRE(is.f == was.f);
        REQUIRE(is.type == was.type);
      }
      REQUIRE(written(again, format) == text);
    }
  }
}

}  // namespace
}  // namespace shaketable
