// What an operation of several statements means when one of them fails: a scripted session in place of a server.

#include "workloads/clients/sql.h"

#include <catch2/catch.hpp>
#include <deque>

#include "history/text.h"
#include "tests/workloads/clients/scripted_server.h"
#include "workloads/clients/mariadb.h"
#include "workloads/clients/postgres.h"
#include "workloads/interfaces.h"

using namespace shaketable;
using namespace std::chrono_literals;

namespace {

using Kind = SqlAnswer::Kind;

SqlAnswer done(std::vector<SqlRow> rows = {}, std::int64_t affected = 1) {
  SqlAnswer answer;
  answer.kind = Kind::done;
  answer.rows = std::move(rows);
  answer.affected = affected;
  return answer;
}
SqlAnswer refused(std::string problem) {
  SqlAnswer answer;
  answer.kind = Kind::refused;
  answer.problem = std::move(problem);
  return answer;
}
SqlAnswer duplicate() {
  SqlAnswer answer = refused("duplicate key");
  answer.duplicate = true;
  return answer;
}
SqlAnswer unknown() {
  SqlAnswer answer;
  answer.problem = "no answer in time";
  return answer;
}

// What the session is asked, and what it answers; shared by all sessions of a client.
struct Script {
  std::deque<SqlAnswer> answers;
  std::vector<std::string> statements, connects;
  std::vector<std::string> unreachable, standbys;  // urls
};

class ScriptedSession final : public SqlSession {
 public:
  explicit ScriptedSession(Script& script) : script_(script) {}
  Result<void> connect(const std::string& url, const SqlDeadline&) override {
    script_.connects.push_back(url);
    url_ = url;
    const auto& down = script_.unreachable;
    open_ = std::find(down.begin(), down.end(), url) == down.end();
    return open_ ? Result<void>{} : infrastructure(url + " is down");
  }
  bool connected() override { return open_; }
  void close() override { open_ = false; }
  bool writable(const SqlDeadline&) override {
    return std::find(script_.standbys.begin(), script_.standbys.end(), url_) == script_.standbys.end();
  }
  SqlAnswer run(const std::string& statement, const SqlDeadline&) override {
    if (!open_) return refused("not connected");
    script_.statements.push_back(statement);
    if (script_.answers.empty()) return done();
    SqlAnswer answer = script_.answers.front();
    script_.answers.pop_front();
    if (answer.kind == Kind::unknown) open_ = false;
    return answer;
  }

 private:
  Script& script_;
  std::string url_;
  bool open_ = false;
};

SqlDialect dialect() {
  SqlDialect made;
  made.name = "test";
  made.begin = "BEGIN";
  made.text_type = made.key_type = "text";
  made.serial_type = "serial";
  made.lock_share = "FOR SHARE";
  made.lock_update = "FOR UPDATE";
  made.old_value = "t.v";
  made.upsert = [](std::string_view, std::string_view values, std::string_view update) {
    return "UPSERT " + std::string(values) + " ELSE " + std::string(update);
  };
  made.concat = [](std::string_view a, std::string_view b, std::string_view c) {
    return std::string(a) + "||" + std::string(b) + "||" + std::string(c);
  };
  return made;
}

struct Setting {
  Script script;
  ClientSettings settings;
  std::unique_ptr<Client> client;

  explicit Setting(const char* interface, std::vector<std::pair<const char*, const char*>> options = {},
                   std::size_t worker = 0) {
    settings.endpoints = {{"n1", "u1"}, {"n2", "u2"}, {"n3", "u3"}};
    settings.worker = worker;
    settings.run = "r";
    settings.interface = interface;
    settings.workload = Parameters(find_interface(interface)->parameters);
    settings.options = Parameters(sql_parameters("serializable"));
    for (const auto& [name, value] : options) settings.options.set(name, std::string(value));
    client = sql_client(settings, dialect(),
                        [this](const SqlSettings&) { return std::make_unique<ScriptedSession>(script); });
  }
  Completion invoke(const char* f, const char* value, std::deque<SqlAnswer> answers) {
    script.answers = std::move(answers);
    script.statements.clear();
    return client->invoke(Name(f), parse_json(value).value(), 2s);
  }
};

OpType type_of(const Completion& completion) {
  return completion.type;
}

}  // namespace

TEST_CASE("sql client: a transaction reads and appends between BEGIN and COMMIT") {
  Setting s("list-transactions");
  const Completion completion = s.invoke("txn", R"([["r",1,null],["append",1,7],["r",2,null]])",
                                         {done(), done({{"5,6"}}), done(), done(), done()});
  CHECK(completion.type == OpType::ok);
  CHECK(to_json(completion.value) == R"([["r",1,[5,6]],["append",1,7],["r",2,null]])");
  REQUIRE(s.script.statements.size() == 5);
  CHECK(s.script.statements.front() == "BEGIN");
  CHECK(s.script.statements[2] == "UPSERT '1', '7' ELSE t.v||','||'7'");
  CHECK(s.script.statements.back() == "COMMIT");
}

TEST_CASE("sql client: whatever breaks before the COMMIT has failed for certain") {
  Setting s("list-transactions");
  const char* transaction = R"([["r",1,null],["append",1,7]])";
  CHECK(type_of(s.invoke("txn", transaction, {unknown()})) == OpType::fail);
  CHECK(type_of(s.invoke("txn", transaction, {done(), unknown()})) == OpType::fail);
  CHECK(type_of(s.invoke("txn", transaction, {done(), done(), unknown()})) == OpType::fail);
  CHECK(s.script.statements.size() == 3);
  CHECK(type_of(s.invoke("txn", transaction, {done(), done(), refused("deadlock")})) == OpType::fail);
  CHECK(s.script.statements.back() == "ROLLBACK");
}

TEST_CASE("sql client: a COMMIT without an answer is unknown unless the transaction only read") {
  Setting s("list-transactions");
  CHECK(type_of(s.invoke("txn", R"([["r",1,null],["append",1,7]])", {done(), done(), done(), unknown()})) ==
        OpType::info);
  CHECK(type_of(s.invoke("txn", R"([["r",1,null],["r",2,null]])", {done(), done(), done(), unknown()})) ==
        OpType::fail);
  CHECK(type_of(s.invoke("txn", R"([["r",1,null],["append",1,7]])", {done(), done(), done(), refused("conflict")})) ==
        OpType::fail);
}

TEST_CASE("sql client: a COMMIT answered with ROLLBACK did not happen") {
  Setting s("list-transactions");
  SqlAnswer rolled_back = done();
  rolled_back.problem = "rolled back";
  CHECK(type_of(s.invoke("txn", R"([["r",1,null],["append",1,7]])", {done(), done(), done(), rolled_back})) ==
        OpType::fail);
}

TEST_CASE("sql client: a single statement is unknown without an answer if it writes and failed if it reads") {
  Setting s("register");
  CHECK(type_of(s.invoke("write", "[1,5]", {unknown()})) == OpType::info);
  CHECK(s.script.statements.size() == 1);
  CHECK(type_of(s.invoke("write", "[1,5]", {refused("read only")})) == OpType::fail);
  CHECK(type_of(s.invoke("cas", "[1,[4,5]]", {unknown()})) == OpType::info);
  CHECK(type_of(s.invoke("cas", "[1,[4,5]]", {done({}, 1)})) == OpType::ok);
  CHECK(s.invoke("cas", "[1,[4,5]]", {done({}, 0)}).error == Value("did not match"));
  CHECK(s.invoke("cas", "[1,[null,5]]", {duplicate()}).error == Value("did not match"));
  CHECK(type_of(s.invoke("read", "[1,null]", {unknown()})) == OpType::fail);
  CHECK(s.invoke("read", "[1,null]", {done({{"5"}})}) == Completion{OpType::ok, Value::list({1, 5}), nullptr});
  CHECK(s.invoke("read", "[1,null]", {done()}) == Completion{OpType::ok, Value::list({1, nullptr}), nullptr});
}

TEST_CASE("sql client: a rollback that gets no answer ends the connection and the next operation makes another") {
  Setting s("counter", {{"updates", "client"}, {"connect", "own"}});
  CHECK(type_of(s.invoke("add", "2", {done(), refused("deadlock"), unknown()})) == OpType::fail);
  s.script.connects.clear();
  CHECK(type_of(s.invoke("add", "2", {done(), done({{"40"}}), done(), done()})) == OpType::ok);
  CHECK(s.script.connects == std::vector<std::string>{"u1"});
  CHECK(s.script.statements[2].find("SET n = 42") != std::string::npos);
}

TEST_CASE("sql client: updates by the client read first and lock what the plan says") {
  Setting s("list-transactions", {{"updates", "client"}, {"locks", "update"}});
  CHECK(type_of(s.invoke("txn", R"([["append","k'",7]])", {done(), done({{"5"}}), done(), done()})) == OpType::ok);
  CHECK(s.script.statements[1].ends_with("WHERE k = '\"k''\"' FOR UPDATE"));
  CHECK(s.script.statements[2].find("SET v = '5,7'") != std::string::npos);
  // The row that was read is gone: nothing may be acknowledged.
  CHECK(type_of(s.invoke("txn", R"([["append",1,7]])", {done(), done({{"5"}}), done({}, 0), done()})) == OpType::fail);
}

TEST_CASE("sql client: the first node from its own on that takes writes") {
  Setting s("register", {}, 1);
  s.script.unreachable = {"u2"};
  s.script.standbys = {"u3"};
  CHECK(type_of(s.invoke("write", "[1,5]", {})) == OpType::ok);
  CHECK(s.script.connects == std::vector<std::string>{"u2", "u3", "u1"});
  // It takes writes no longer: another is looked for.
  SqlAnswer read_only = refused("read only");
  read_only.read_only = true;
  CHECK(type_of(s.invoke("write", "[1,5]", {read_only})) == OpType::fail);
  s.script.connects.clear();
  CHECK(type_of(s.invoke("write", "[1,5]", {})) == OpType::ok);
  CHECK(s.script.connects.size() == 3);
  // Nobody does.
  s.script.standbys = {"u1", "u3"};
  s.invoke("write", "[1,5]", {unknown()});
  CHECK(type_of(s.invoke("write", "[1,5]", {})) == OpType::fail);
  CHECK(s.script.statements.empty());
}

TEST_CASE("sql client: reads go to the own node when the plan says so") {
  Setting s("register-transactions", {{"reads", "own"}}, 2);
  s.script.standbys = {"u3"};
  CHECK(type_of(s.invoke("txn", R"([["r",1,null],["r",2,null]])", {})) == OpType::ok);
  CHECK(s.script.connects == std::vector<std::string>{"u3"});
  s.script.connects.clear();
  CHECK(type_of(s.invoke("txn", R"([["r",1,null],["w",2,5]])", {})) == OpType::ok);
  CHECK(s.script.connects == std::vector<std::string>{"u3", "u1"});
}

TEST_CASE("sql client: a transfer that the account does not hold is rolled back") {
  Setting s("bank");
  const char* transfer = R"({"from":1,"to":2,"amount":5})";
  CHECK(type_of(s.invoke("transfer", transfer, {done(), done({}, 0)})) == OpType::fail);
  CHECK(s.script.statements.back() == "ROLLBACK");
  CHECK(type_of(s.invoke("transfer", transfer, {})) == OpType::ok);
  CHECK(s.script.statements.size() == 4);
  CHECK(to_json(s.invoke("read", "null", {done({{"0", "3"}, {"1", "7"}})}).value) == R"({"0":3,"1":7})");
}

TEST_CASE("sql client: effects happen once and the other interfaces answer as they should") {
  Setting effects("exactly-once");
  CHECK(type_of(effects.invoke("apply", "1", {duplicate()})) == OpType::ok);
  CHECK(type_of(effects.invoke("apply", "1", {unknown()})) == OpType::info);
  CHECK(to_json(effects.invoke("read", "null", {done({{"1"}, {"2"}})}).value) == "[1,2]");
  Setting set("set");
  CHECK(type_of(set.invoke("add", "1", {})) == OpType::ok);
  CHECK(to_json(set.invoke("read", "null", {done({{"1"}, {"1"}})}).value) == "[1,1]");
  Setting queue("queue");
  CHECK(queue.invoke("dequeue", "null", {done(), done({{"9", "5"}}), done(), done()}).value == Value(5));
  CHECK(queue.script.statements[2].ends_with("WHERE id = 9"));
  CHECK(queue.invoke("dequeue", "null", {}) == Completion{OpType::ok, nullptr, nullptr});
  CHECK(type_of(queue.invoke("dequeue", "null", {done(), done({{"9", "5"}}), done({}, 0)})) == OpType::fail);
  CHECK(type_of(queue.invoke("drain", "null", {unknown()})) == OpType::info);
  CHECK(to_json(queue.invoke("drain", "null", {done({{"5"}, {"6"}})}).value) == "[5,6]");
  Setting ids("ids");
  CHECK(ids.invoke("generate", "null", {done({{"12"}})}).value == Value(12));
  Setting monotonic("monotonic");
  CHECK(monotonic.invoke("inc", "3", {done(), done(), done({{"9"}}), done()}).value == Value::map({{3, 9}}));
  Setting predicate("predicate-insert");
  CHECK(type_of(predicate.invoke("insert", "[1,[null,5]]", {done(), done(), done({{"4"}})})) == OpType::fail);
  CHECK(type_of(predicate.invoke("insert", "[1,[null,5]]", {})) == OpType::ok);
}

TEST_CASE("sql client: values that are none of the interface's are refused before anything is sent") {
  for (const char* interface : {"register", "list-transactions", "counter", "bank", "monotonic", "predicate-insert"}) {
    Setting s(interface);
    for (const char* f : {"txn", "cas", "add", "transfer", "inc", "insert", "no-such"})
      for (const char* value : {R"([["append"]])", R"({"from":1})", R"("x")", "[[]]", R"([["x",1,2]])"}) {
        INFO(interface << " " << f << " " << value);
        CHECK(type_of(s.invoke(f, value, {})) == OpType::fail);
        CHECK(s.script.statements.empty());
      }
  }
}

TEST_CASE("sql client: what it reads and did not write is an error and no crash") {
  Setting s("list-transactions");
  CHECK(type_of(s.invoke("txn", R"([["r",1,null]])", {done({{"]["}})})) == OpType::fail);
  CHECK(type_of(s.invoke("txn", R"([["r",1,null]])", {done({{std::nullopt}})})) == OpType::ok);
}

TEST_CASE("sql clients: every interface is set up and taken away") {
  for (const std::string& interface : sql_interfaces()) {
    INFO(interface);
    Setting s(interface.c_str());
    s.script.standbys = {"u1"};
    REQUIRE(s.client->setup(2s));
    CHECK_FALSE(s.script.statements.empty());
    CHECK(s.script.connects.back() == "u2");
    s.script.statements.clear();
    REQUIRE(s.client->remove_data(2s));
    CHECK_FALSE(s.script.statements.empty());
  }
}

namespace {

std::unique_ptr<Client> real_client(const ClientInfo& info, const std::string& url) {
  ClientSettings settings;
  settings.endpoints = {{"n1", url}};
  settings.run = "r";
  settings.interface = "register";
  settings.options = Parameters(info.parameters);
  return info.make(settings);
}

}  // namespace

TEST_CASE("postgres and mariadb clients: a server that does not listen or says nothing leaves nothing done") {
  for (const ClientInfo& info : {postgres_client(), mariadb_client()}) {
    if (!info.make) {
      WARN("left out: the client " << info.name << " was built without " << info.missing);
      continue;
    }
    INFO(info.name);
    const std::string scheme = info.name == "postgres" ? "postgresql" : "mysql";
    std::string url;
    { url = ScriptedServer({}).url(); }  // a port that was just given back
    const auto alone = real_client(info, scheme + url.substr(4));
    CHECK_FALSE(alone->open(2s));
    CHECK(alone->invoke(Name("write"), Value::list({1, 5}), 2s).type == OpType::fail);

    ScriptedServer silent({});
    const auto client = real_client(info, scheme + silent.url().substr(4));
    const auto opened = client->open(100ms);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.find("no connection in time") != std::string::npos);
    CHECK(client->invoke(Name("write"), Value::list({1, 5}), 100ms).type == OpType::fail);
  }
}
