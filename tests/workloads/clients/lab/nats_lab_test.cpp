#ifdef SHAKETABLE_WITH_NATS
// NATS on the lab, by configs/systems/nats.yaml.

#include "workloads/clients/nats.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/workloads/clients/lab/system_lab.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

TEST_CASE("nats: a stream and a server paused and cut off and killed in the middle of a publication") {
  SystemLab::with("nats", 3, {}, [](SystemLab& lab) {
    CHECK(lab.system().version().value().find("nats-server: v2.9") == 0);
    CHECK(lab.system().primaries().value().size() == 1);
    const auto client = lab.client(nats_client(), "set"), elsewhere = lab.client(nats_client(), "set", {}, 1);
    REQUIRE(client->setup(20s));
    REQUIRE(client->setup(20s));  // as often as one likes
    CHECK(said(*client, "read", nullptr) == "ok []");
    CHECK(said(*client, "add", 3) == "ok 3");
    CHECK(said(*elsewhere, "add", "a text") == "ok \"a text\"");
    CHECK(said(*elsewhere, "read", nullptr) == "ok [3,\"a text\"]");

    const Changed queue{{"prefix", std::string("queue-")}}, log{{"prefix", std::string("log-")}};
    const auto taker = lab.client(nats_client(), "queue", queue), other = lab.client(nats_client(), "queue", queue, 1);
    REQUIRE(taker->setup(20s));
    REQUIRE(taker->setup(20s));
    CHECK(said(*taker, "drain", nullptr) == "ok []");
    CHECK(said(*taker, "enqueue", 1) == "ok 1");
    CHECK(said(*other, "enqueue", 2) == "ok 2");
    CHECK(said(*other, "dequeue", nullptr) == "ok 1");
    CHECK(said(*taker, "drain", nullptr) == "ok [2]");
    CHECK(said(*other, "dequeue", nullptr) == "ok null");
    const auto logger = lab.client(nats_client(), "log", log), reader = lab.client(nats_client(), "log", log, 2);
    REQUIRE(logger->setup(20s));
    const Value poll = Value::list({Value::list({"poll"})});
    CHECK(said(*reader, "assign", Value::list({0})) == "ok [0]");
    CHECK(said(*reader, "poll", poll) == R"(ok [["poll",{}]])");
    for (int i = 1; i <= 3; ++i)
      CHECK(said(*logger, "send", Value::list({Value::list({"send", i % 2, i})})) ==
            fmt::format(R"(ok [["send",{},[{},{}]]])", i % 2, i, i));
    CHECK(said(*reader, "poll", poll) == R"(ok [["poll",{"0":[[2,2]]}]])");
    CHECK(said(*reader, "assign", Value::list({1, 0})) == "ok [1,0]");
    CHECK(said(*reader, "poll", poll) == R"(ok [["poll",{"1":[[1,1],[3,3]]}]])");

    MidRequest request;
    request.node = "n1";
    request.port = 4222;
    request.change = Name("add");
    request.value = [](int i) { return Value(100 + i); };
    request.make = [&] { return lab.client(nats_client(), "set", {}, 0, false); };
    request.happened = [&](int i) {
      const Completion all = lab.until_ok(request.make, Name("read"), nullptr);
      REQUIRE(all.type == OpType::ok);
      return std::count(all.value.items().begin(), all.value.items().end(), Value(100 + i)) == 1;
    };
    check_mid_request(lab, request);
  });
}
#endif
