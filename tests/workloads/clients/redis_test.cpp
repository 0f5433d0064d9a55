#ifdef SHAKETABLE_WITH_REDIS
#include "workloads/clients/redis.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "tests/workloads/clients/scripted_tcp.h"
#include "workloads/clients/redis_route.h"

using namespace shaketable;
using namespace std::chrono_literals;
using Act = ScriptedTcp::Act;

namespace {

const Name kRead("read"), kWrite("write"), kCas("cas"), kAdd("add"), kDequeue("dequeue"), kTxn("txn");
const Name kAcquire("acquire"), kRelease("release");

struct Setup {
  std::string interface = "register";
  std::string route = "endpoint";
  std::int64_t wait = 0, sentinel_port = 0;
};

std::unique_ptr<Client> client_of(const std::vector<std::string>& addresses, const Setup& setup = {}) {
  const ClientInfo info = redis_client();
  ClientSettings settings;
  for (const std::string& address : addresses) settings.endpoints.push_back({"n1", "redis://" + address});
  settings.run = "r1";
  settings.interface = setup.interface;
  settings.options = Parameters(info.parameters);
  settings.options.set("route", setup.route);
  settings.options.set("wait", setup.wait);
  if (setup.sentinel_port > 0) settings.options.set("sentinel_port", setup.sentinel_port);
  return info.make(settings);
}

Value tuple(Value k, Value v) {
  return Value::list({std::move(k), std::move(v)});
}

std::string bulk(const std::string& text) {
  return fmt::format("${}\r\n{}\r\n", text.size(), text);
}

}  // namespace

TEST_CASE("redis client: registers are read and written and compared") {
  ScriptedTcp server({{Act::answer, "$-1\r\n"},
                      {Act::answer, "+OK\r\n"},
                      {Act::answer, bulk("5")},
                      {Act::answer, ":1\r\n"},
                      {Act::answer, ":0\r\n"}});
  const auto client = client_of({server.address()});
  CHECK(client->invoke(kRead, tuple(1, nullptr), 2s) == Completion{OpType::ok, tuple(1, nullptr), nullptr});
  CHECK(client->invoke(kWrite, tuple(1, 5), 2s) == Completion{OpType::ok, tuple(1, 5), nullptr});
  CHECK(client->invoke(kRead, tuple(1, nullptr), 2s) == Completion{OpType::ok, tuple(1, 5), nullptr});
  const Value argument = tuple(1, Value::list({5, 6}));
  CHECK(client->invoke(kCas, argument, 2s) == Completion{OpType::ok, argument, nullptr});
  CHECK(client->invoke(kCas, argument, 2s) == Completion{OpType::fail, argument, "did not match"});
  CHECK(server.requests().at(1) == "*3\r\n$3\r\nSET\r\n$24\r\nshaketable/r1:register:1\r\n$1\r\n5\r\n");
}

TEST_CASE("redis client: nothing listens, so nothing happened") {
  std::string address;
  { address = ScriptedTcp({}).address(); }
  for (const char* route : {"endpoint", "sentinel", "cluster"}) {
    const auto client = client_of({address}, {"register", route, 0, 1});
    CHECK(client->invoke(kWrite, tuple(1, 2), 2s).type == OpType::fail);
    CHECK(client->invoke(kRead, tuple(1, nullptr), 2s).type == OpType::fail);
  }
}

TEST_CASE("redis client: a server that took the command and says nothing leaves a write unknown and a read failed") {
  ScriptedTcp server({{Act::silence, ""}, {Act::silence, ""}, {Act::silence, ""}});
  CHECK(client_of({server.address()})->invoke(kWrite, tuple(1, 2), 100ms).type == OpType::info);
  CHECK(client_of({server.address()})->invoke(kCas, tuple(1, Value::list({1, 2})), 100ms).type == OpType::info);
  CHECK(client_of({server.address()})->invoke(kRead, tuple(1, nullptr), 100ms).type == OpType::fail);
}

TEST_CASE("redis client: a late answer is not taken for that of the next command") {
  ScriptedTcp server({{Act::silence, ""}, {Act::answer, bulk("7")}});
  const auto client = client_of({server.address()});
  REQUIRE(client->invoke(kRead, tuple(1, nullptr), 100ms).type == OpType::fail);
  CHECK(client->invoke(kRead, tuple(2, nullptr), 2s) == Completion{OpType::ok, tuple(2, 7), nullptr});
}

TEST_CASE("redis client: a server that dies in the middle leaves a write unknown and it is never sent again") {
  ScriptedTcp server({{Act::answer, "+OK\r\n"}, {Act::hang_up, ""}, {Act::answer_then_hang_up, "$10\r\nhal"}});
  const auto client = client_of({server.address()});
  REQUIRE(client->invoke(kWrite, tuple(1, 1), 2s).type == OpType::ok);
  CHECK(client->invoke(kWrite, tuple(1, 2), 2s).type == OpType::info);
  CHECK(client->invoke(kWrite, tuple(1, 3), 2s).type == OpType::info);
  CHECK(server.requests().size() == 3);
}

TEST_CASE("redis client: which errors of Redis mean that a write did not happen") {
  struct Case {
    const char* error;
    OpType expected;
  };
  const auto [error, expected] = GENERATE(
      Case{"READONLY You can't write against a read only replica.", OpType::fail},
      Case{"LOADING Redis is loading the dataset in memory", OpType::fail},
      Case{"NOREPLICAS Not enough good replicas to write.", OpType::fail},
      Case{"OOM command not allowed when used memory > 'maxmemory'.", OpType::fail},
      Case{"MISCONF Redis is configured to save RDB snapshots", OpType::fail},
      Case{"CLUSTERDOWN The cluster is down", OpType::fail}, Case{"NOAUTH Authentication required.", OpType::fail},
      Case{"ERR something nobody has heard of", OpType::info}, Case{"", OpType::info});
  ScriptedTcp server({{Act::answer, fmt::format("-{}\r\n", error)}, {Act::answer, fmt::format("-{}\r\n", error)}});
  const auto client = client_of({server.address()});
  CHECK(client->invoke(kWrite, tuple(1, 2), 2s).type == expected);
  CHECK(client->invoke(kRead, tuple(1, nullptr), 2s).type == OpType::fail);
}

TEST_CASE("redis client: an answer that is not Redis's is an error and no crash") {
  const char* bytes = GENERATE("HTTP/1.1 200 OK\r\n\r\n", "*1\r\n$-1\r\n", ":x\r\n", "*2\r\n:1\r\n$1\r\na\r\n",
                               "$3\r\n{\"a\r\n", "*-5\r\n");
  for (const char* interface : {"register", "set", "queue", "list-transactions"}) {
    ScriptedTcp server({{Act::answer_then_hang_up, bytes}});
    const auto client = client_of({server.address()}, {interface});
    const std::string name = interface;
    const Completion completion = name == "register" ? client->invoke(kRead, tuple(1, nullptr), 2s)
                                  : name == "set"    ? client->invoke(kRead, nullptr, 2s)
                                  : name == "queue"
                                      ? client->invoke(kDequeue, nullptr, 2s)
                                      : client->invoke(kTxn, Value::list({Value::list({"r", 1, nullptr})}), 2s);
    CHECK(completion.type != OpType::ok);
  }
}

TEST_CASE("redis client: a write that too few replicas have is unknown") {
  ScriptedTcp server({{Act::answer, "+OK\r\n"},
                      {Act::answer, ":1\r\n"},
                      {Act::answer, "+OK\r\n"},
                      {Act::answer, ":0\r\n"},
                      {Act::answer, "+OK\r\n"},
                      {Act::hang_up, ""}});
  const auto client = client_of({server.address()}, {"register", "endpoint", 1});
  CHECK(client->invoke(kWrite, tuple(1, 1), 2s).type == OpType::ok);
  CHECK(client->invoke(kWrite, tuple(1, 2), 2s).type == OpType::info);
  CHECK(client->invoke(kWrite, tuple(1, 3), 2s).type == OpType::info);
}

TEST_CASE("redis client: a lock that another holds is refused and only the holder gives it back") {
  ScriptedTcp server({{Act::answer, "$-1\r\n"},
                      {Act::answer, "+OK\r\n"},
                      {Act::answer, ":1\r\n"},
                      {Act::answer, ":0\r\n"},
                      {Act::silence, ""}});
  const auto client = client_of({server.address()}, {"lock"});
  CHECK(client->invoke(kAcquire, 0, 2s).type == OpType::fail);
  CHECK(client->invoke(kAcquire, 0, 2s) == Completion{OpType::ok, nullptr, nullptr});
  CHECK(client->invoke(kRelease, 0, 2s).type == OpType::ok);
  CHECK(client->invoke(kRelease, 0, 2s).type == OpType::fail);
  CHECK(client->invoke(kAcquire, 0, 100ms).type == OpType::info);
}

TEST_CASE("redis client: a transaction's reads go where they were asked for") {
  ScriptedTcp server({{Act::answer, "*2\r\n*0\r\n*2\r\n$1\r\n4\r\n$1\r\n5\r\n"}, {Act::answer, "*1\r\n*0\r\n"}});
  const auto client = client_of({server.address()}, {"list-transactions"});
  const auto micro = [](const char* f, Value k, Value v) { return Value::list({f, std::move(k), std::move(v)}); };
  const Value asked = Value::list({micro("r", 1, nullptr), micro("append", 2, 5), micro("r", 2, nullptr)});
  const Value seen = Value::list({micro("r", 1, nullptr), micro("append", 2, 5), micro("r", 2, Value::list({4, 5}))});
  CHECK(client->invoke(kTxn, asked, 2s) == Completion{OpType::ok, seen, nullptr});
  CHECK(client->invoke(kTxn, asked, 2s).type == OpType::info);  // an answer short of one read
}

TEST_CASE("redis client: Sentinel says where the master is and who is none is not written to") {
  ScriptedTcp master({{Act::answer, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"},
                      {Act::answer, ":1\r\n"},
                      {Act::answer, "-READONLY You can't write against a read only replica.\r\n"},
                      {Act::answer, "*5\r\n$5\r\nslave\r\n$1\r\nx\r\n:1\r\n$4\r\nsync\r\n:0\r\n"}});
  const std::string named = fmt::format("*2\r\n{}{}", bulk("127.0.0.1"), bulk(std::to_string(master.port())));
  ScriptedTcp sentinel({{Act::answer, named}, {Act::answer, named}, {Act::answer, "*-1\r\n"}});
  const auto client = client_of({"127.0.0.1:1"}, {"set", "sentinel", 0, sentinel.port()});
  CHECK(client->invoke(kAdd, 5, 2s).type == OpType::ok);
  CHECK(client->invoke(kAdd, 6, 2s).type == OpType::fail);  // read-only: Sentinel is asked again
  CHECK(client->invoke(kAdd, 7, 2s).type == OpType::fail);  // and names one that says it is none
  CHECK(client->invoke(kAdd, 8, 2s).type == OpType::fail);  // or none at all
  CHECK(sentinel.requests().size() == 3);
  CHECK(master.requests().size() == 4);
}

TEST_CASE("redis client: a cluster's redirections are followed and remembered") {
  ScriptedTcp owner({{Act::answer, ":1\r\n"}, {Act::answer, ":1\r\n"}});
  const int slot = redis_slot("shaketable/r1:set:0");
  ScriptedTcp asked({{Act::answer, fmt::format("-MOVED {} {}\r\n", slot, owner.address())}});
  const auto client = client_of({asked.address()}, {"set", "cluster"});
  CHECK(client->invoke(kAdd, 5, 2s).type == OpType::ok);
  CHECK(client->invoke(kAdd, 6, 2s).type == OpType::ok);
  CHECK(asked.requests().size() == 1);
  CHECK(owner.requests().size() == 2);
  // A slot that is on the move: ASKING first.
  ScriptedTcp importer({{Act::answer, "+OK\r\n"}, {Act::answer, ":1\r\n"}});
  ScriptedTcp exporter({{Act::answer, fmt::format("-ASK {} {}\r\n", slot, importer.address())}});
  CHECK(client_of({exporter.address()}, {"set", "cluster"})->invoke(kAdd, 5, 2s).type == OpType::ok);
  CHECK(importer.requests().at(0).find("ASKING") != std::string::npos);
}

TEST_CASE("redis client: servers of a cluster that send each other the client forever are left in time") {
  const int slot = redis_slot("shaketable/r1:set:0");
  std::vector<ScriptedTcp::Step> moves;
  std::string address;
  { address = ScriptedTcp({}).address(); }
  for (int i = 0; i < 50; ++i) moves.push_back({Act::answer, fmt::format("-MOVED {} {}\r\n", slot, address)});
  ScriptedTcp server(moves);
  CHECK(client_of({server.address()}, {"set", "cluster"})->invoke(kAdd, 5, 2s).type == OpType::fail);
}

TEST_CASE("redis client: slots are those of the specification") {
  CHECK(redis_slot("123456789") == 0x31c3);
  CHECK(redis_slot("{user1000}.following") == redis_slot("{user1000}.followers"));
  CHECK(redis_slot("foo{}{bar}") != redis_slot("bar"));
  CHECK(redis_slot("foo") == 12182);
}

TEST_CASE("redis client: an endpoint that is no address is told when the client opens") {
  const auto opened = client_of({"127.0.0.1:http"})->open(1s);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().message == "\"redis://127.0.0.1:http\" is no address: \"http\" is no port");
}
#endif
