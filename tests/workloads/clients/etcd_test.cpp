#include "workloads/clients/etcd.h"

#include <catch2/catch.hpp>

#include "history/text.h"
#include "tests/workloads/clients/scripted_server.h"

using namespace shaketable;
using namespace std::chrono_literals;
using Act = ScriptedServer::Act;

namespace {

const Name kRead("read"), kWrite("write"), kCas("cas");

std::unique_ptr<Client> client_of(const std::string& url, const char* reads = "linearizable",
                                  const char* interface = "") {
  const ClientInfo info = etcd_client();
  ClientSettings settings;
  settings.interface = interface;
  settings.workload.set("accounts", std::int64_t{2});
  settings.workload.set("total", std::int64_t{20});
  settings.workload.set("locks", std::int64_t{1});
  settings.endpoints = {{"n1", url}};
  settings.run = "r1";
  settings.options = Parameters(info.parameters);
  settings.options.set("reads", std::string(reads));
  settings.options.set("keep_alive", false);  // a second connection would take the script's turns
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

namespace {

std::unique_ptr<Client> offering(const std::string& url, const char* interface) {
  return client_of(url, "linearizable", interface);
}

Value txn(const std::string& edn) {
  return *parse_edn(edn);
}

const Name kTxn("txn");
// Key 1 was changed last by revision 7 and holds [1] or 1; key 2 is not there.
const char* const kTwoLists =
    R"({"succeeded":true,"responses":[{"response_range":{"kvs":[{"mod_revision":"7","value":"WzFd"}],"count":"1"}},)"
    R"({"response_range":{"header":{}}}]})";
const char* const kOneNumber =
    R"({"succeeded":true,"responses":[{"response_range":{"kvs":[{"mod_revision":"7","value":"MQ=="}],"count":"1"}}]})";

}  // namespace

TEST_CASE("etcd client: a transaction that appends is guarded by the revisions of all keys it looked at") {
  ScriptedServer server({{Act::answer, kTwoLists}, {Act::answer, R"({"succeeded":true})"}});
  const Completion done = offering(server.url(), "list-transactions")
                              ->invoke(kTxn, txn(R"([["r" 1 nil] ["append" 2 5] ["append" 2 6] ["r" 2 nil]])"), 2s);
  CHECK(done == Completion{OpType::ok, txn(R"([["r" 1 [1]] ["append" 2 5] ["append" 2 6] ["r" 2 [5 6]]])"), nullptr});
  REQUIRE(server.requests().size() == 2);
  const std::string& guarded = server.requests()[1];
  CHECK(guarded.find(R"("mod_revision":"7")") != std::string::npos);
  CHECK(guarded.find(R"("mod_revision":"0")") != std::string::npos);
  // One put of the whole list [5,6].
  CHECK(guarded.find(R"("value":"WzUsNl0=")") != std::string::npos);
  CHECK(guarded.find("requestPut") == guarded.rfind("requestPut"));
}

TEST_CASE("etcd client: a transaction that lost the race failed and is not tried again") {
  ScriptedServer server({{Act::answer, kOneNumber}, {Act::answer, R"({"header":{}})"}});
  const Value asked = txn(R"([["r" 1 nil] ["w" 1 2]])");
  CHECK(offering(server.url(), "register-transactions")->invoke(kTxn, asked, 2s) ==
        Completion{OpType::fail, asked, "a key had changed since it was read"});
  CHECK(server.requests().size() == 2);
}

TEST_CASE("etcd client: transactions that only read or only write are one request") {
  ScriptedServer server({{Act::answer, kOneNumber}, {Act::answer, R"({"succeeded":true})"}});
  const auto client = offering(server.url(), "register-transactions");
  CHECK(client->invoke(kTxn, txn(R"([["r" 1 nil]])"), 2s).value == txn(R"([["r" 1 1]])"));
  CHECK(client->invoke(kTxn, txn(R"([["w" 1 2] ["r" 1 nil] ["w" 1 3]])"), 2s).value ==
        txn(R"([["w" 1 2] ["r" 1 2] ["w" 1 3]])"));
  CHECK(server.requests().size() == 2);
  CHECK(server.requests()[1].find("compare") == std::string::npos);
}

TEST_CASE("etcd client: silence before the writes of a transaction were sent is a failure and afterwards unknown") {
  const Value asked = txn(R"([["append" 1 2]])");
  ScriptedServer before({{Act::silence, ""}});
  CHECK(offering(before.url(), "list-transactions")->invoke(kTxn, asked, 100ms).type == OpType::fail);
  ScriptedServer after({{Act::answer, kOneNumber}, {Act::silence, ""}});
  CHECK(offering(after.url(), "list-transactions")->invoke(kTxn, asked, 100ms).type == OpType::info);
}

TEST_CASE("etcd client: counters and accounts change only what nobody else changed meanwhile") {
  ScriptedServer server({{Act::answer, kOneNumber}, {Act::answer, R"({"succeeded":true})"}});
  CHECK(offering(server.url(), "counter")->invoke(Name("add"), 4, 2s).type == OpType::ok);
  CHECK(server.requests().at(1).find(R"("value":"NQ==")") != std::string::npos);  // 5
  CHECK(server.requests().at(1).find(R"("mod_revision":"7")") != std::string::npos);

  ScriptedServer poor(
      {{Act::answer, R"({"responses":[{"response_range":{"kvs":[{"mod_revision":"7","value":"MQ=="}]}},)"
                     R"({"response_range":{"kvs":[{"mod_revision":"8","value":"OQ=="}]}}]})"}});
  const Value transfer = Value::map({{"from", 0}, {"to", 1}, {"amount", 2}});
  CHECK(offering(poor.url(), "bank")->invoke(Name("transfer"), transfer, 2s) ==
        Completion{OpType::fail, transfer, "the account does not hold so much"});
}

TEST_CASE("etcd client: who takes an element from a queue is who deletes its key") {
  const char* element = R"({"kvs":[{"key":"eA==","mod_revision":"9","value":"NQ=="}]})";
  ScriptedServer server({{Act::answer, element},
                         {Act::answer, R"({"succeeded":true})"},
                         {Act::answer, element},
                         {Act::answer, R"({"header":{}})"},
                         {Act::answer, R"({"header":{}})"},
                         {Act::answer, R"({"deleted":"2","prev_kvs":[{"value":"NQ=="},{"value":"Ng=="}]})"}});
  const auto client = offering(server.url(), "queue");
  CHECK(client->invoke(Name("dequeue"), nullptr, 2s) == Completion{OpType::ok, 5, nullptr});
  CHECK(client->invoke(Name("dequeue"), nullptr, 2s).type == OpType::fail);
  CHECK(client->invoke(Name("dequeue"), nullptr, 2s) == Completion{OpType::ok, nullptr, nullptr});
  CHECK(client->invoke(Name("drain"), nullptr, 2s).value == Value::list({5, 6}));
}

TEST_CASE("etcd client: a lock is held under a lease and its token is the revision of its key") {
  ScriptedServer server({{Act::answer, R"({"ID":"77","TTL":"2"})"},
                         {Act::answer, R"({"key":"bG9jay83Nw=="})"},
                         {Act::answer, R"({"kvs":[{"create_revision":"12"}]})"},
                         {Act::answer, R"({"succeeded":true})"},
                         {Act::answer, R"({"header":{}})"}});
  const auto client = offering(server.url(), "fenced-lock");
  CHECK(client->invoke(Name("acquire"), 0, 2s) == Completion{OpType::ok, 12, nullptr});
  CHECK(client->invoke(Name("use"), Value::list({0, 12}), 2s).type == OpType::ok);
  CHECK(client->invoke(Name("release"), 0, 2s).type == OpType::ok);
  CHECK(client->invoke(Name("release"), 0, 2s).type == OpType::fail);
  CHECK(server.requests().at(1).find(R"("lease":"77")") != std::string::npos);
  CHECK(server.requests().at(4) == R"({"key":"bG9jay83Nw=="})");
}

TEST_CASE("etcd client: an acquire without an answer is unknown and one without a lease failed") {
  ScriptedServer waits({{Act::answer, R"({"ID":"77"})"}, {Act::silence, ""}});
  CHECK(offering(waits.url(), "lock")->invoke(Name("acquire"), 0, 100ms).type == OpType::info);
  ScriptedServer no_lease({{Act::silence, ""}});
  CHECK(offering(no_lease.url(), "lock")->invoke(Name("acquire"), 0, 100ms).type == OpType::fail);
  ScriptedServer lapsed({{Act::answer, R"({"ID":"77"})"}, {Act::answer, R"({"key":"eA=="})"}, {Act::answer, "{}"}});
  const Completion done = offering(lapsed.url(), "fenced-lock")->invoke(Name("acquire"), 0, 2s);
  CHECK(done.type == OpType::info);
  CHECK(done.error == Value("the lease had run out by the time the lock was granted"));
}

TEST_CASE("etcd client: a lease is gone when its key is") {
  const std::string gone = R"({"result":{"header":{},"ID":"7"}})", header = R"({"header":{}})";
  ScriptedServer server({{Act::answer, R"({"ID":"7","TTL":"2"})"},
                         {Act::answer, header},
                         {Act::answer, R"({"result":{"ID":"7","TTL":"2"}})"},
                         {Act::answer, gone},
                         {Act::answer, R"({"kvs":[{"key":"eA==","value":"dHJ1ZQ=="}]})"},
                         {Act::answer, gone},
                         {Act::answer, header},
                         {Act::error, R"({"code":14})"}});
  const auto client = offering(server.url(), "lease");
  CHECK(client->invoke(Name("grant"), nullptr, 2s) == Completion{OpType::ok, 7, nullptr});
  CHECK(client->invoke(Name("renew"), 7, 2s) == Completion{OpType::ok, 2000, nullptr});
  CHECK(client->invoke(Name("renew"), 7, 2s).error == Value("the lease was not found, but its key is there"));
  CHECK(client->invoke(Name("renew"), 7, 2s) == Completion{OpType::ok, nullptr, nullptr});
  CHECK(client->invoke(Name("renew"), 7, 2s).type == OpType::info);
  // The key hangs on the lease.
  CHECK(server.requests().at(1).find(R"("lease":"7")") != std::string::npos);
}

TEST_CASE("etcd client: a watch tells of changes with their revisions and nothing when nothing changes") {
  const std::string created = R"({"result":{"created":true}})"
                              "\n";
  ScriptedServer server({{Act::answer, R"({"header":{"revision":"5"}})"},
                         {Act::answer, created + R"({"result":{"events":[{"kv":{"mod_revision":"5","value":"MQ=="}},)"
                                                 R"({"kv":{"mod_revision":"6","value":"Mg=="}}]}})"
                                                 "\n"},
                         {Act::answer, created},
                         {Act::answer, R"({"result":{"created":true,"canceled":true}})"
                                       "\n"},
                         {Act::answer, R"({"header":{}})"}});
  const auto client = offering(server.url(), "watch");
  CHECK(client->invoke(kWrite, 1, 2s) == Completion{OpType::ok, 5, nullptr});
  CHECK(client->invoke(Name("watch"), 4, 2s).value == Value::list({tuple(5, 1), tuple(6, 2)}));
  CHECK(client->invoke(Name("watch"), 7, 2s) == Completion{OpType::ok, Value::list({}), nullptr});
  CHECK(client->invoke(Name("watch"), 7, 2s).type == OpType::fail);
  CHECK(client->invoke(kWrite, 2, 2s).type == OpType::info);  // without its revision
  CHECK(server.requests().at(1).find(R"("start_revision":"5")") != std::string::npos);
}

TEST_CASE("etcd client: term and leader are those of the member's Raft") {
  ScriptedServer server({{Act::answer, R"({"raft.status":{"id":"a1","term":3,"lead":"b2"},"memstats":{"x":1.5}})"},
                         {Act::answer, R"({"raft.status":{"id":"a1","term":4,"lead":"0"}})"},
                         {Act::answer, "{}"}});
  const auto client = offering(server.url(), "leader");
  CHECK(client->invoke(Name("leader"), nullptr, 2s).value ==
        Value::map({{"term", 3}, {"leader", "b2"}, {"node", "n1"}}));
  CHECK(client->invoke(Name("leader"), nullptr, 2s).value ==
        Value::map({{"term", 4}, {"leader", nullptr}, {"node", "n1"}}));
  CHECK(client->invoke(Name("leader"), nullptr, 2s).type == OpType::fail);
}

TEST_CASE("etcd client: a log is a key whose history is watched") {
  // Base64 of /shaketable/r1/log/0 and of /shaketable/r1/log/1.
  const std::string log0 = R"("key":"L3NoYWtldGFibGUvcjEvbG9nLzA=")", log1 = R"("key":"L3NoYWtldGFibGUvcjEvbG9nLzE=")";
  const std::string last = R"({"kvs":[{)" + log0 + R"(,"mod_revision":"9"}]})";
  const std::string events = R"({"result":{"created":true}})"
                             "\n"
                             R"({"result":{"events":[{"kv":{)" +
                             log0 + R"(,"mod_revision":"5","value":"MQ=="}},{"kv":{)" + log1 +
                             R"(,"mod_revision":"6","value":"Mg=="}}]}})"
                             "\n"
                             R"({"result":{"events":[{"kv":{)" +
                             log0 +
                             R"(,"mod_revision":"9","value":"Mw=="}}]}})"
                             "\n";
  ScriptedServer server({{Act::answer, R"({"header":{"revision":"5"},"succeeded":true})"},
                         {Act::answer, last},
                         {Act::answer, events},
                         {Act::answer, last}});
  const auto client = offering(server.url(), "log");
  const Value poll = *parse_edn(R"([["poll"]])");
  CHECK(client->invoke(Name("poll"), poll, 2s).type == OpType::fail);  // nothing is assigned
  CHECK(client->invoke(Name("send"), *parse_edn(R"([["send" 0 1]])"), 2s).value == *parse_edn(R"([["send" 0 [5 1]]])"));
  CHECK(client->invoke(Name("assign"), Value::list({0}), 2s).type == OpType::ok);
  CHECK(client->invoke(Name("poll"), poll, 2s).value == *parse_edn(R"([["poll" {0 [[5 1] [9 3]]}]])"));
}
