#ifdef SHAKETABLE_WITH_RABBITMQ
#include "workloads/clients/rabbitmq.h"

#include <catch2/catch.hpp>
#include <deque>

#include "tests/workloads/clients/scripted_tcp.h"
#include "workloads/interfaces.h"

using namespace shaketable;
using namespace std::chrono_literals;
using Meaning = RabbitmqMeaning;
using Act = ScriptedTcp::Act;

namespace {

// Answers each call with the next of its answers, and writes down what was asked.
struct ScriptedSession final : RabbitmqSession {
  std::deque<RabbitmqAnswer> answers;
  std::vector<std::string> asked;
  std::uint64_t sessions = 1;

  RabbitmqAnswer next(std::string what) {
    asked.push_back(std::move(what));
    if (answers.empty()) return {};
    RabbitmqAnswer answer = answers.front();
    answers.pop_front();
    return answer;
  }
  RabbitmqAnswer declare(const std::string& queue, RabbitmqQueue type, const Deadline&) override {
    return next("declare " + queue + (type == RabbitmqQueue::quorum ? " quorum" : " classic"));
  }
  RabbitmqAnswer purge(const std::string& queue, const Deadline&) override { return next("purge " + queue); }
  RabbitmqAnswer remove(const std::string& queue, const Deadline&) override { return next("remove " + queue); }
  RabbitmqAnswer publish(const std::string& queue, const std::string& body, const Deadline&) override {
    return next("publish " + queue + " " + body);
  }
  RabbitmqAnswer get(const std::string& queue, const Deadline&) override { return next("get " + queue); }
  RabbitmqAnswer ack(std::uint64_t tag) override { return next("ack " + std::to_string(tag)); }
  RabbitmqAnswer reject(std::uint64_t tag) override { return next("reject " + std::to_string(tag)); }
  std::uint64_t number() const override { return sessions; }
};

RabbitmqAnswer says(Meaning meaning) {
  RabbitmqAnswer answer;
  answer.meaning = meaning;
  return answer;
}

RabbitmqAnswer message(const std::string& body, std::uint64_t tag) {
  RabbitmqAnswer answer = says(Meaning::done);
  answer.body = body;
  answer.tag = tag;
  return answer;
}

ClientSettings settings_for(const char* interface, const char* queues) {
  ClientSettings settings;
  settings.options = Parameters(rabbitmq_client().parameters);
  settings.options.set("queues", std::string(queues));
  settings.workload = Parameters(find_interface("lock")->parameters);
  settings.interface = interface;
  settings.run = "r1";
  return settings;
}

struct Played {
  ScriptedSession* session;
  std::unique_ptr<Client> client;
  Completion invoke(const char* f, const Value& value, std::deque<RabbitmqAnswer> answers) {
    session->answers = std::move(answers);
    session->asked.clear();
    return client->invoke(Name(f), value, 1s);
  }
};

Played play(const char* interface, const char* queues = "classic") {
  auto session = std::make_unique<ScriptedSession>();
  ScriptedSession* const seen = session.get();
  return {seen, make_rabbitmq_client(settings_for(interface, queues), std::move(session))};
}

}  // namespace

TEST_CASE("rabbitmq client: what goes in is done when it is confirmed and unknown when nobody says so") {
  Played played = play("queue");
  CHECK(played.invoke("enqueue", 5, {says(Meaning::done)}) == Completion{OpType::ok, 5, nullptr});
  CHECK(played.session->asked == std::vector<std::string>{"publish shaketable.r1.queue 5"});
  CHECK(played.invoke("enqueue", 5, {says(Meaning::unknown)}).type == OpType::info);
  CHECK(played.invoke("enqueue", 5, {says(Meaning::refused)}).type == OpType::fail);
}

TEST_CASE("rabbitmq client: an element is taken by its acknowledgement") {
  Played played = play("queue");
  CHECK(played.invoke("dequeue", nullptr, {message("5", 3), says(Meaning::done)}) ==
        Completion{OpType::ok, 5, nullptr});
  CHECK(played.session->asked.at(1) == "ack 3");
  CHECK(played.invoke("dequeue", nullptr, {says(Meaning::done)}) == Completion{OpType::ok, nullptr, nullptr});
  CHECK(played.invoke("dequeue", nullptr, {says(Meaning::refused)}).type == OpType::fail);
  CHECK(played.invoke("dequeue", nullptr, {message("5", 3), says(Meaning::refused)}).type == OpType::fail);
  CHECK(played.invoke("dequeue", nullptr, {message("5", 3), says(Meaning::unknown)}).type == OpType::info);
  CHECK(played.invoke("dequeue", nullptr, {message("{", 3)}).type == OpType::fail);
}

TEST_CASE("rabbitmq client: a drain that breaks off after it has taken something is unknown") {
  Played played = play("queue");
  CHECK(played
            .invoke("drain", nullptr,
                    {message("5", 1), says(Meaning::done), message("6", 2), says(Meaning::done), says(Meaning::done)})
            .value == Value::list({5, 6}));
  CHECK(played.invoke("drain", nullptr, {message("5", 1), says(Meaning::done), says(Meaning::refused)}).type ==
        OpType::info);
  CHECK(played.invoke("drain", nullptr, {says(Meaning::refused)}).type == OpType::fail);
}

TEST_CASE("rabbitmq client: a lock is one message and goes with the connection that holds it") {
  Played played = play("lock", "quorum");
  played.session->answers = {says(Meaning::done), says(Meaning::done), says(Meaning::done)};
  REQUIRE(played.client->setup(1s));
  CHECK(played.session->asked == std::vector<std::string>{"declare shaketable.r1.lock.0 quorum",
                                                          "purge shaketable.r1.lock.0",
                                                          "publish shaketable.r1.lock.0 the lock"});
  CHECK(played.invoke("acquire", 0, {says(Meaning::done)}).type == OpType::fail);  // the queue is empty
  CHECK(played.invoke("acquire", 0, {message("the lock", 4)}) == Completion{OpType::ok, nullptr, nullptr});
  CHECK(played.invoke("release", 0, {says(Meaning::done)}).type == OpType::ok);
  CHECK(played.session->asked.at(0) == "reject 4");
  CHECK(played.invoke("release", 0, {}).type == OpType::fail);
  REQUIRE(played.invoke("acquire", 0, {message("the lock", 5)}).type == OpType::ok);
  ++played.session->sessions;
  CHECK(played.invoke("release", 0, {}) == Completion{OpType::fail, 0, "the connection ended, and the lock with it"});
  CHECK(played.session->asked.empty());
}

TEST_CASE("rabbitmq client: nothing listens or nobody answers the log-in so nothing happened") {
  ScriptedTcp silent({{Act::silence, ""}, {Act::silence, ""}});
  ScriptedTcp closing({{Act::hang_up, ""}, {Act::hang_up, ""}});
  ScriptedTcp stranger({{Act::answer, "HTTP/1.1 400 Bad Request\r\n\r\n"}, {Act::hang_up, ""}});
  for (const std::string& address :
       {std::string("127.0.0.1:1"), silent.address(), closing.address(), stranger.address()}) {
    ClientSettings settings = settings_for("queue", "classic");
    settings.endpoints = {{"n1", "amqp://" + address}};
    const auto client = rabbitmq_client().make(settings);
    CHECK(client->invoke(Name("enqueue"), 5, 300ms).type == OpType::fail);
    CHECK(client->invoke(Name("dequeue"), nullptr, 300ms).type == OpType::fail);
  }
}
#endif
