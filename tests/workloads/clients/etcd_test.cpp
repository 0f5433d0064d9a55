#include "workloads/clients/etcd.h"

#include <catch2/catch.hpp>

#include "history/text.h"
#include "tests/workloads/clients/scripted_server.h"

using namespace shaketable;
using namespace std::chrono_literals;
using Act = ScriptedServer::Act;

namespace {

const Name kRead("read"), kWrite("write"), kCas("cas");

std::unique_ptr<Client> client_of(const std::string& url, const char* reads = "linearizable") {
  const ClientInfo info = etcd_client();
  ClientSettings settings;
  settings.endpoints = {{"n1", url}};
  settings.run = "r1";
  settings.options = Parameters(info.parameters);
  settings.options.set("reads", std::string(reads));
  return info.make(settings);
}

Value tuple(Value k, Value v) {
  return Value::list({std::move(k), std::move(v)});
}

}  // namespace

TEST_CASE("etcd client: a read decodes the value, and an absent key is nil") {
  ScriptedServer server(
      {{Act::answer, R"({"kvs":[{"key":"eA==","value":"NQ=="}],"count":"1"})"}, {Act::answer, R"({"header":{}})"}});
  const auto client = client_of(server.url());
  CHECK(client->invoke(kRead, tuple(1, nullptr), 2s) == Completion{OpType::ok, tuple(1, 5), nullptr});
  CHECK(client->invoke(kRead, tuple(1, nullptr), 2s) == Completion{OpType::ok, tuple(1, nullptr), nullptr});
  // base64 of /shaketable/r1/1
  CHECK(server.requests().at(0) == R"({"key":"L3NoYWtldGFibGUvcjEvMQ=="})");
}

TEST_CASE("etcd client: serializable reads are asked for when the plan wants them") {
  ScriptedServer server({{Act::answer, "{}"}});
  CHECK(client_of(server.url(), "serializable")->invoke(kRead, tuple(1, nullptr), 2s).type == OpType::ok);
  CHECK(server.requests().at(0) == R"({"key":"L3NoYWtldGFibGUvcjEvMQ==","serializable":true})");
}

TEST_CASE("etcd client: a compare-and-set is ok, or fails because the value did not match") {
  ScriptedServer server({{Act::answer, R"({"succeeded":true})"},
                         {Act::answer, R"({"header":{}})"},
                         {Act::answer, R"({"succeeded":true})"}});
  const auto client = client_of(server.url());
  const Value argument = tuple(1, Value::list({3, 4}));
  CHECK(client->invoke(kCas, argument, 2s) == Completion{OpType::ok, argument, nullptr});
  CHECK(client->invoke(kCas, argument, 2s) == Completion{OpType::fail, argument, "did not match"});
  const Value from_nil = tuple(1, Value::list({nullptr, 4}));
  CHECK(client->invoke(kCas, from_nil, 2s).type == OpType::ok);
  CHECK(server.requests().at(2).find(R"("target":"VERSION")") != std::string::npos);
}

TEST_CASE("etcd client: nothing listens, so nothing happened") {
  std::string url;
  { url = ScriptedServer({}).url(); }  // a port that was just given back
  const auto client = client_of(url);
  CHECK(client->invoke(kWrite, tuple(1, 2), 2s).type == OpType::fail);
  CHECK(client->invoke(kCas, tuple(1, Value::list({1, 2})), 2s).type == OpType::fail);
  CHECK(client->invoke(kRead, tuple(1, nullptr), 2s).type == OpType::fail);
}

TEST_CASE("etcd client: a server that took the request and says nothing leaves a write unknown, a read failed") {
  ScriptedServer server({{Act::silence, ""}, {Act::silence, ""}, {Act::silence, ""}});
  CHECK(client_of(server.url())->invoke(kWrite, tuple(1, 2), 100ms).type == OpType::info);
  CHECK(client_of(server.url())->invoke(kCas, tuple(1, Value::list({1, 2})), 100ms).type == OpType::info);
  CHECK(client_of(server.url())->invoke(kRead, tuple(1, nullptr), 100ms).type == OpType::fail);
}

TEST_CASE("etcd client: a server that dies in the middle of a request leaves a write unknown") {
  ScriptedServer server({{Act::hang_up, ""}});
  CHECK(client_of(server.url())->invoke(kWrite, tuple(1, 2), 2s).type == OpType::info);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("etcd client: a write on a kept connection that dies is never sent a second time") {
  // libcurl's own habit is to send it again on a fresh connection: the first copy may have been applied.
  ScriptedServer server({{Act::answer_then_hang_up_on_next, "{}"}, {Act::answer, "{}"}, {Act::answer, "{}"}});
  const auto client = client_of(server.url());
  REQUIRE(client->invoke(kWrite, tuple(1, 2), 2s).type == OpType::ok);
  CHECK(client->invoke(kWrite, tuple(1, 3), 2s).type == OpType::info);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("etcd client: which errors of etcd mean that a write did not happen") {
  struct Case {
    const char* body;
    OpType expected;
  };
  const auto [body, expected] =
      GENERATE(Case{R"({"error":"etcdserver: request timed out","code":14})", OpType::info},
               Case{R"({"error":"etcdserver: leader changed","code":14})", OpType::info},
               Case{R"({"error":"context deadline exceeded","code":4})", OpType::info},
               Case{R"({"error":"etcdserver: too many requests","code":8})", OpType::fail},
               Case{R"({"error":"etcdserver: mvcc: database space exceeded","code":8})", OpType::info},
               Case{R"({"error":"etcdserver: permission denied","code":7})", OpType::fail},
               Case{"not JSON at all", OpType::info});
  ScriptedServer server({{Act::error, body}, {Act::error, body}});
  const auto client = client_of(server.url());
  CHECK(client->invoke(kWrite, tuple(1, 2), 2s).type == expected);
  CHECK(client->invoke(kRead, tuple(1, nullptr), 2s).type == OpType::fail);
}

TEST_CASE("etcd client: an answer that is not what etcd says is an error, not a crash") {
  const char* body = GENERATE("", "[]", "null", R"({"kvs":5})", R"({"kvs":[5]})", R"({"kvs":[{"value":"*"}]})",
                              R"({"kvs":[{"value":"eA=="}]})");
  ScriptedServer server({{Act::answer, body}, {Act::answer, body}});
  const auto client = client_of(server.url());
  CHECK(client->invoke(kRead, tuple(1, nullptr), 2s).type == OpType::fail);
  CHECK(client->invoke(kCas, tuple(1, Value::list({1, 2})), 2s).type != OpType::ok);
}
