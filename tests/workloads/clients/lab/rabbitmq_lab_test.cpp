#ifdef SHAKETABLE_WITH_RABBITMQ
// RabbitMQ on the lab, by configs/systems/rabbitmq.yaml.

#include "workloads/clients/rabbitmq.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "history/text.h"
#include "tests/workloads/clients/lab/system_lab.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

TEST_CASE("rabbitmq: queues and locks and a node paused and cut off and killed in the middle of a publication") {
  SystemLab::with("rabbitmq", 2, {}, [](SystemLab& lab) {
    CHECK(lab.system().version().value().find("RabbitMQ 3.10") == 0);
    const ClientInfo info = rabbitmq_client();
    const auto queue = lab.client(info, "queue"), elsewhere = lab.client(info, "queue", {}, 1);
    REQUIRE(queue->setup(20s));
    CHECK(said(*queue, "dequeue", nullptr) == "ok null");
    for (int i : {1, 2, 3}) CHECK(said(*queue, "enqueue", i) == "ok " + std::to_string(i));
    CHECK(said(*elsewhere, "dequeue", nullptr) == "ok 1");
    CHECK(said(*elsewhere, "drain", nullptr) == "ok [2,3]");
    CHECK(said(*queue, "dequeue", nullptr) == "ok null");

    const auto holder = lab.client(info, "lock", {{"queues", std::string("quorum")}});
    const auto other = lab.client(info, "lock", {{"queues", std::string("quorum")}}, 1);
    REQUIRE(holder->setup(20s));
    CHECK(said(*holder, "acquire", 0) == "ok null");
    CHECK(said(*other, "acquire", 0) == "fail");
    CHECK(said(*holder, "release", 0) == "ok 0");
    // The broker does not answer a release, so the next holder may have to ask twice.
    std::string second = "fail";
    for (int i = 0; i < 50 && second == "fail"; ++i) second = said(*other, "acquire", 0);
    CHECK(second == "ok null");

    MidRequest request;
    request.node = "n1";
    request.port = 5672;
    request.change = Name("enqueue");
    request.value = [](int i) { return Value(100 + i); };
    request.make = [&] { return lab.client(info, "queue", {}, 0, false); };
    std::vector<Value> came_out;
    request.happened = [&](int i) {
      const auto reader = [&] { return lab.client(info, "queue", {}, 1, false); };
      const Completion all = lab.until_ok(reader, Name("drain"), nullptr);
      REQUIRE(all.type == OpType::ok);
      came_out.insert(came_out.end(), all.value.items().begin(), all.value.items().end());
      return std::count(came_out.begin(), came_out.end(), Value(100 + i)) == 1;
    };
    check_mid_request(lab, request);
  });
}
#endif
