#ifdef SHAKETABLE_WITH_NATS
#include "workloads/clients/nats.h"

#include <catch2/catch.hpp>
#include <deque>

#include "history/text.h"
#include "tests/workloads/clients/scripted_tcp.h"

using namespace shaketable;
using namespace std::chrono_literals;
using Meaning = NatsMeaning;
using Act = ScriptedTcp::Act;

namespace {

struct ScriptedSession final : NatsSession {
  std::deque<NatsAnswer> answers;
  std::vector<std::string> asked;

  NatsAnswer next(std::string what) {
    asked.push_back(std::move(what));
    if (answers.empty()) return {};
    NatsAnswer answer = answers.front();
    answers.pop_front();
    return answer;
  }
  NatsAnswer make_stream(const std::string& stream, int replicas, const Deadline&) override {
    return next("make " + stream + " " + std::to_string(replicas));
  }
  NatsAnswer remove_stream(const std::string& stream, const Deadline&) override { return next("remove " + stream); }
  NatsAnswer make_consumer(const std::string& stream, const Deadline&) override { return next("consumer " + stream); }
  NatsAnswer publish(const std::string& stream, const std::string& subject, const std::string& message,
                     const Deadline&) override {
    return next("publish " + stream + " " + subject + " " + message);
  }
  NatsAnswer read(const std::string& stream, std::uint64_t from, const Deadline&) override {
    return next("read " + stream + " " + std::to_string(from));
  }
  NatsAnswer take(const std::string& stream, const Deadline&) override { return next("take " + stream); }
};

ClientSettings settings_for(const std::string& url, const std::string& interface = "set") {
  ClientSettings settings;
  settings.options = Parameters(nats_client().parameters);
  settings.endpoints = {{"n1", url}};
  settings.interface = interface;
  settings.run = "r1.a b";
  return settings;
}

NatsAnswer says(Meaning meaning, const std::vector<std::string>& bodies = {}) {
  NatsAnswer answer{meaning, "", {}};
  for (const std::string& body : bodies) answer.messages.push_back({body, "in", answer.messages.size() + 1});
  return answer;
}
NatsAnswer left(std::uint64_t messages) {
  NatsAnswer answer = says(Meaning::done);
  answer.left = messages;
  return answer;
}

}  // namespace

TEST_CASE("nats client: an element is in the set when the stream acknowledged it and unknown when nobody says so") {
  auto session = std::make_unique<ScriptedSession>();
  ScriptedSession& seen = *session;
  const auto client = make_nats_client(settings_for(""), std::move(session));
  seen.answers = {says(Meaning::done),
                  says(Meaning::done),
                  says(Meaning::unknown),
                  says(Meaning::refused),
                  says(Meaning::done, {"5", "6"}),
                  says(Meaning::unknown, {"5"}),
                  says(Meaning::done, {"{"})};
  CHECK(client->setup(1s));
  CHECK(client->invoke(Name("add"), 5, 1s) == Completion{OpType::ok, 5, nullptr});
  CHECK(client->invoke(Name("add"), 6, 1s).type == OpType::info);
  CHECK(client->invoke(Name("add"), 7, 1s).type == OpType::fail);
  CHECK(client->invoke(Name("read"), nullptr, 1s) == Completion{OpType::ok, Value::list({5, 6}), nullptr});
  CHECK(client->invoke(Name("read"), nullptr, 1s).type == OpType::fail);
  CHECK(client->invoke(Name("read"), nullptr, 1s).type == OpType::fail);
  CHECK(seen.asked.at(0) == "make shaketable-r1_a_b 3");
  CHECK(seen.asked.at(1) == "publish shaketable-r1_a_b in 5");
}

TEST_CASE("nats client: an element left the queue when its acknowledgement was confirmed and is unknown when not") {
  auto session = std::make_unique<ScriptedSession>();
  ScriptedSession& seen = *session;
  const auto client = make_nats_client(settings_for("", "queue"), std::move(session));
  seen.answers = {
      says(Meaning::done),           says(Meaning::done),   says(Meaning::done), says(Meaning::done, {"5"}), left(1),
      says(Meaning::unknown, {"6"}), says(Meaning::refused)};
  CHECK(client->setup(1s));
  CHECK(client->invoke(Name("enqueue"), 5, 1s) == Completion{OpType::ok, 5, nullptr});
  CHECK(client->invoke(Name("dequeue"), nullptr, 1s) == Completion{OpType::ok, 5, nullptr});
  CHECK(client->invoke(Name("dequeue"), nullptr, 1s) == Completion{OpType::ok, nullptr, nullptr});
  CHECK(client->invoke(Name("dequeue"), nullptr, 1s).type == OpType::info);
  CHECK(client->invoke(Name("dequeue"), nullptr, 1s).type == OpType::fail);
  CHECK(seen.asked.at(1) == "consumer shaketable-r1_a_b");
  // A drain waits for what others have taken, and broken off after an element it is unknown.
  seen.answers = {says(Meaning::done, {"7"}), left(1), says(Meaning::done, {"8"}), left(0)};
  CHECK(client->invoke(Name("drain"), nullptr, 5s) == Completion{OpType::ok, Value::list({7, 8}), nullptr});
  seen.answers = {says(Meaning::done, {"7"}), says(Meaning::refused)};
  CHECK(client->invoke(Name("drain"), nullptr, 5s).type == OpType::info);
  seen.answers = {says(Meaning::refused)};
  CHECK(client->invoke(Name("drain"), nullptr, 5s).type == OpType::fail);
  seen.answers = {left(1), left(1), left(1), left(1), left(1), left(1)};
  CHECK(client->invoke(Name("drain"), nullptr, 150ms).type == OpType::fail);
}

TEST_CASE("nats client: a log is a subject and its offsets are places in the stream") {
  auto session = std::make_unique<ScriptedSession>();
  ScriptedSession& seen = *session;
  const auto client = make_nats_client(settings_for("", "log"), std::move(session));
  const Value poll = *parse_edn(R"([["poll"]])");
  CHECK(client->invoke(Name("poll"), poll, 1s).type == OpType::fail);  // nothing is assigned
  NatsAnswer stored = says(Meaning::done);
  stored.sequence = 4;
  NatsAnswer messages = says(Meaning::done);
  messages.messages = {{"10", "0", 3}, {"11", "1", 4}, {"12", "0", 5}};
  NatsAnswer more = says(Meaning::done);
  more.messages = {{"11", "1", 4}, {"12", "0", 5}, {"13", "0", 6}};
  seen.answers = {stored, says(Meaning::unknown), messages, more, says(Meaning::done)};
  CHECK(client->invoke(Name("send"), *parse_edn(R"([["send" 1 11]])"), 1s).value ==
        *parse_edn(R"([["send" 1 [4 11]]])"));
  CHECK(client->invoke(Name("send"), *parse_edn(R"([["send" 1 9]])"), 1s).type == OpType::info);
  CHECK(client->invoke(Name("send"), *parse_edn(R"([["send" 1 8] ["send" 2 9]])"), 1s).type == OpType::fail);
  CHECK(client->invoke(Name("assign"), Value::list({0}), 1s).type == OpType::ok);
  CHECK(client->invoke(Name("poll"), poll, 1s).value == *parse_edn(R"([["poll" {0 [[3 10] [5 12]]}]])"));
  CHECK(client->invoke(Name("assign"), Value::list({0, 1}), 1s).type == OpType::ok);
  CHECK(client->invoke(Name("poll"), poll, 1s).value == *parse_edn(R"([["poll" {0 [[6 13]] 1 [[4 11]]}]])"));
  CHECK(client->invoke(Name("poll"), poll, 1s).value == *parse_edn(R"([["poll" {}]])"));
  CHECK(seen.asked == std::vector<std::string>{"publish shaketable-r1_a_b 1 11", "publish shaketable-r1_a_b 1 9",
                                               "read shaketable-r1_a_b 1", "read shaketable-r1_a_b 1",
                                               "read shaketable-r1_a_b 7"});
}

TEST_CASE("nats client: nothing listens or nobody greets so nothing happened") {
  ScriptedTcp silent({{Act::silence, ""}});
  for (const std::string& address : {std::string("127.0.0.1:1"), silent.address()}) {
    const auto client = nats_client().make(settings_for("nats://" + address));
    CHECK(client->invoke(Name("add"), 5, 300ms).type == OpType::fail);
  }
}
#endif
