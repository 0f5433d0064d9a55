#ifdef SHAKETABLE_WITH_ZOOKEEPER
#include "workloads/clients/zookeeper.h"

#include <zookeeper/zookeeper.h>

#include <catch2/catch.hpp>
#include <deque>
#include <optional>

using namespace shaketable;
using namespace std::chrono_literals;
using Meaning = ZookeeperMeaning;

namespace {

// Answers each call with the next of its answers, and writes down what was asked.
struct ScriptedSession final : ZookeeperSession {
  std::deque<ZookeeperAnswer> answers;
  std::vector<std::string> asked;
  std::uint64_t sessions = 1;

  ZookeeperAnswer next(std::string what) {
    asked.push_back(std::move(what));
    if (answers.empty()) return {};
    ZookeeperAnswer answer = answers.front();
    answers.pop_front();
    return answer;
  }
  ZookeeperAnswer create(const std::string& path, const std::string& data, ZookeeperKind, const Deadline&) override {
    return next("create " + path + " " + data);
  }
  ZookeeperAnswer get(const std::string& path, const Deadline&) override { return next("get " + path); }
  ZookeeperAnswer set(const std::string& path, const std::string& data, std::int32_t version,
                      const Deadline&) override {
    return next("set " + path + " " + data + " " + std::to_string(version));
  }
  ZookeeperAnswer remove(const std::string& path, const Deadline&) override { return next("remove " + path); }
  ZookeeperAnswer children(const std::string& path, const Deadline&) override { return next("children " + path); }
  ZookeeperAnswer sync(const std::string& path, const Deadline&) override { return next("sync " + path); }
  std::uint64_t number() const override { return sessions; }
  void close() override {
    asked.push_back("close");
    ++sessions;
  }
};

ZookeeperAnswer says(Meaning meaning, std::string text = "", std::int32_t version = 0) {
  ZookeeperAnswer answer;
  answer.meaning = meaning;
  answer.text = std::move(text);
  answer.version = version;
  return answer;
}

ZookeeperAnswer names(std::vector<std::string> children) {
  ZookeeperAnswer answer = says(Meaning::done);
  answer.children = std::move(children);
  return answer;
}

struct Played {
  ScriptedSession* session;
  std::unique_ptr<Client> client;
  Completion invoke(const char* f, const Value& value, std::deque<ZookeeperAnswer> answers) {
    session->answers = std::move(answers);
    session->asked.clear();
    return client->invoke(Name(f), value, 1s);
  }
};

Played play(const char* interface, const char* reads = "sync") {
  ClientSettings settings;
  settings.options = Parameters(zookeeper_client().parameters);
  settings.options.set("reads", std::string(reads));
  settings.interface = interface;
  settings.run = "r1";
  auto session = std::make_unique<ScriptedSession>();
  ScriptedSession* const seen = session.get();
  return {seen, make_zookeeper_client(settings, std::move(session))};
}

Value tuple(Value k, Value v) {
  return Value::list({std::move(k), std::move(v)});
}

}  // namespace

TEST_CASE("zookeeper client: a read syncs first where the plan wants it") {
  Played synced = play("register");
  CHECK(synced.invoke("read", tuple(1, nullptr), {says(Meaning::done), says(Meaning::done, "5")}) ==
        Completion{OpType::ok, tuple(1, 5), nullptr});
  CHECK(synced.session->asked ==
        std::vector<std::string>{"sync /shaketable/r1/register/v1", "get /shaketable/r1/register/v1"});
  CHECK(synced.invoke("read", tuple(1, nullptr), {says(Meaning::unknown)}).type == OpType::fail);
  Played local = play("register", "local");
  CHECK(local.invoke("read", tuple(1, nullptr), {says(Meaning::no_node)}) ==
        Completion{OpType::ok, tuple(1, nullptr), nullptr});
  CHECK(local.session->asked.size() == 1);
}

TEST_CASE("zookeeper client: only an answer that nobody got leaves a write unknown") {
  Played played = play("register");
  const auto write = [&](std::deque<ZookeeperAnswer> answers) {
    return played.invoke("write", tuple(1, 5), std::move(answers)).type;
  };
  CHECK(write({says(Meaning::done)}) == OpType::ok);
  CHECK(write({says(Meaning::unknown)}) == OpType::info);
  CHECK(write({says(Meaning::refused)}) == OpType::fail);
  CHECK(write({says(Meaning::no_node), says(Meaning::done)}) == OpType::ok);
  CHECK(write({says(Meaning::no_node), says(Meaning::unknown)}) == OpType::info);
  CHECK(write({says(Meaning::no_node), says(Meaning::exists), says(Meaning::done)}) == OpType::ok);
  CHECK(write({says(Meaning::no_node), says(Meaning::exists), says(Meaning::unknown)}) == OpType::info);
}

TEST_CASE("zookeeper client: a compare-and-set goes by the version that was read") {
  Played played = play("register");
  const Value five_to_six = tuple(1, Value::list({5, 6}));
  CHECK(played.invoke("cas", five_to_six, {says(Meaning::done, "5", 7), says(Meaning::done)}).type == OpType::ok);
  CHECK(played.session->asked.at(1) == "set /shaketable/r1/register/v1 6 7");
  CHECK(played.invoke("cas", five_to_six, {says(Meaning::done, "5", 7), says(Meaning::bad_version)}) ==
        Completion{OpType::fail, five_to_six, "did not match"});
  CHECK(played.invoke("cas", five_to_six, {says(Meaning::done, "5", 7), says(Meaning::unknown)}).type == OpType::info);
  CHECK(played.invoke("cas", five_to_six, {says(Meaning::done, "4", 7)}).type == OpType::fail);
  CHECK(played.session->asked.size() == 1);
  CHECK(played.invoke("cas", five_to_six, {says(Meaning::unknown)}).type == OpType::fail);  // of the read
  const Value nil_to_six = tuple(1, Value::list({nullptr, 6}));
  CHECK(played.invoke("cas", nil_to_six, {says(Meaning::done)}).type == OpType::ok);
  CHECK(played.invoke("cas", nil_to_six, {says(Meaning::exists)}).type == OpType::fail);
}

TEST_CASE("zookeeper client: a counter tries again only when it was certainly not changed") {
  Played played = play("counter");
  CHECK(played
            .invoke("add", 3,
                    {says(Meaning::done, "4", 1), says(Meaning::bad_version), says(Meaning::done, "5", 2),
                     says(Meaning::done)})
            .type == OpType::ok);
  CHECK(played.session->asked.at(3) == "set /shaketable/r1/counter 8 2");
  CHECK(played.invoke("add", 3, {says(Meaning::done, "4", 1), says(Meaning::unknown)}).type == OpType::info);
  CHECK(played.session->asked.size() == 2);
}

TEST_CASE("zookeeper client: elements of a set are names and come back as they were") {
  Played played = play("set");
  CHECK(played.invoke("add", "a/b%", {says(Meaning::done)}).type == OpType::ok);
  CHECK(played.session->asked.at(0) == "create /shaketable/r1/set/v\"a%2Fb%25\" ");
  CHECK(played.invoke("read", nullptr, {says(Meaning::done), names({"v\"a%2Fb%25\"", "v7"})}).value ==
        Value::list({"a/b%", 7}));
  CHECK(played.invoke("read", nullptr, {says(Meaning::done), names({"strange"})}).type == OpType::fail);
}

TEST_CASE("zookeeper client: of a queue the oldest comes first and whoever deletes it has it") {
  Played played = play("queue");
  const ZookeeperAnswer two = names({"e-0000000007", "e-0000000003"});
  CHECK(played.invoke("dequeue", nullptr, {two, says(Meaning::done, "9"), says(Meaning::done)}) ==
        Completion{OpType::ok, 9, nullptr});
  CHECK(played.session->asked.at(2) == "remove /shaketable/r1/queue/e-0000000003");
  // Somebody else was quicker with the first.
  CHECK(played.invoke("dequeue", nullptr,
                      {two, says(Meaning::done, "9"), says(Meaning::no_node), says(Meaning::done, "8"),
                       says(Meaning::done)}) == Completion{OpType::ok, 8, nullptr});
  CHECK(played.invoke("dequeue", nullptr, {two, says(Meaning::done, "9"), says(Meaning::unknown)}).type ==
        OpType::info);
  CHECK(played.invoke("dequeue", nullptr, {two, says(Meaning::unknown)}).type == OpType::fail);
  CHECK(played.invoke("dequeue", nullptr, {names({})}) == Completion{OpType::ok, nullptr, nullptr});
  CHECK(played
            .invoke("drain", nullptr,
                    {says(Meaning::done), two, says(Meaning::done, "9"), says(Meaning::done), says(Meaning::refused)})
            .type == OpType::info);
  CHECK(played.invoke("drain", nullptr, {says(Meaning::done), two, says(Meaning::refused)}).type == OpType::fail);
}

TEST_CASE("zookeeper client: the lowest number holds the lock and a session that ended takes it along") {
  Played played = play("lock");
  ZookeeperAnswer mine = says(Meaning::done, "/shaketable/r1/lock/v0/h-0000000004");
  mine.created = 77;
  CHECK(played.invoke("acquire", 0, {mine, names({"h-0000000004", "h-0000000005"})}) ==
        Completion{OpType::ok, 77, nullptr});
  CHECK(played.invoke("release", 0, {says(Meaning::done)}).type == OpType::ok);
  CHECK(played.invoke("release", 0, {}).type == OpType::fail);
  // It is held, and the place in the queue cannot be taken back: then the session must end.
  CHECK(played.invoke("acquire", 0, {mine, names({"h-0000000003", "h-0000000004"})}).type == OpType::fail);
  CHECK(played.session->asked.back() == "close");
  CHECK(played.invoke("acquire", 0, {says(Meaning::unknown)}).type == OpType::info);

  REQUIRE(played.invoke("acquire", 0, {mine, names({"h-0000000004"})}).type == OpType::ok);
  ++played.session->sessions;
  CHECK(played.invoke("release", 0, {says(Meaning::no_node)}) ==
        Completion{OpType::fail, 0, "the session ended, and the lock with it"});
}

TEST_CASE("zookeeper client: what the library's codes mean") {
  for (int code :
       std::initializer_list<int>{ZCONNECTIONLOSS, ZOPERATIONTIMEOUT, ZSESSIONEXPIRED, ZCLOSING, ZSESSIONMOVED,
                                  ZSYSTEMERROR, ZNOTHING, ZRUNTIMEINCONSISTENCY, ZMARSHALLINGERROR, -999, 5})
    CHECK(zookeeper_meaning(code) == Meaning::unknown);
  CHECK(zookeeper_meaning(ZOK) == Meaning::done);
  CHECK(zookeeper_meaning(ZBADVERSION) == Meaning::bad_version);
  CHECK(zookeeper_meaning(ZNODEEXISTS) == Meaning::exists);
  CHECK(zookeeper_meaning(ZNONODE) == Meaning::no_node);
  CHECK(zookeeper_meaning(ZNOAUTH) == Meaning::refused);
}

TEST_CASE("zookeeper client: nothing listens, so nothing happened and the time is kept") {
  ClientSettings settings;
  settings.options = Parameters(zookeeper_client().parameters);
  settings.endpoints = {{"n1", "zk://127.0.0.1:1"}};
  settings.interface = "set";
  const auto client = zookeeper_client().make(settings);
  CHECK(client->invoke(Name("add"), 5, 200ms).type == OpType::fail);
}
#endif
