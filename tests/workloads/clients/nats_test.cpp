#ifdef SHAKETABLE_WITH_NATS
#include "workloads/clients/nats.h"

#include <catch2/catch.hpp>
#include <deque>

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
  NatsAnswer publish(const std::string& stream, const std::string& message, const Deadline&) override {
    return next("publish " + stream + " " + message);
  }
  NatsAnswer read_all(const std::string& stream, const Deadline&) override { return next("read " + stream); }
};

ClientSettings settings_for(const std::string& url) {
  ClientSettings settings;
  settings.options = Parameters(nats_client().parameters);
  settings.endpoints = {{"n1", url}};
  settings.interface = "set";
  settings.run = "r1.a b";
  return settings;
}

NatsAnswer says(Meaning meaning, std::vector<std::string> messages = {}) {
  return {meaning, "", std::move(messages)};
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
  CHECK(seen.asked.at(1) == "publish shaketable-r1_a_b 5");
}

TEST_CASE("nats client: nothing listens or nobody greets so nothing happened") {
  ScriptedTcp silent({{Act::silence, ""}});
  for (const std::string& address : {std::string("127.0.0.1:1"), silent.address()}) {
    const auto client = nats_client().make(settings_for("nats://" + address));
    CHECK(client->invoke(Name("add"), 5, 300ms).type == OpType::fail);
  }
}
#endif
