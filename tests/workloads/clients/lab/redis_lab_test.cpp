#ifdef SHAKETABLE_WITH_REDIS
// Redis with Sentinel on the lab, by configs/systems/redis-sentinel.yaml.

#include "workloads/clients/redis.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "history/text.h"
#include "tests/workloads/clients/lab/system_lab.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

Value tuple(Value k, Value v) {
  return Value::list({std::move(k), std::move(v)});
}

void check_interfaces(SystemLab& lab) {
  const auto client_for = [&](const char* interface) { return lab.client(redis_client(), interface); };
  const auto registers = client_for("register");
  CHECK(said(*registers, "read", tuple(1, nullptr)) == "ok [1,null]");
  CHECK(said(*registers, "cas", tuple(1, Value::list({nullptr, 4}))) == "ok [1,[null,4]]");
  CHECK(said(*registers, "cas", tuple(1, Value::list({nullptr, 5}))) == "fail");
  CHECK(said(*registers, "cas", tuple(1, Value::list({4, 6}))) == "ok [1,[4,6]]");
  CHECK(said(*registers, "write", tuple(2, "a text")) == R"(ok [2,"a text"])");
  CHECK(said(*registers, "read", tuple(2, nullptr)) == R"(ok [2,"a text"])");

  const auto set = client_for("set");
  CHECK(said(*set, "read", nullptr) == "ok []");
  CHECK(said(*set, "add", 3) == "ok 3");
  CHECK(said(*set, "add", 3) == "ok 3");
  CHECK(said(*set, "read", nullptr) == "ok [3]");

  const auto counter = client_for("counter");
  CHECK(said(*counter, "read", nullptr) == "ok 0");
  CHECK(said(*counter, "add", 5) == "ok 5");
  CHECK(said(*counter, "add", -7) == "ok -7");
  CHECK(said(*counter, "read", nullptr) == "ok -2");

  const auto queue = client_for("queue");
  CHECK(said(*queue, "dequeue", nullptr) == "ok null");
  for (int i : {1, 2, 3}) CHECK(said(*queue, "enqueue", i) == "ok " + std::to_string(i));
  CHECK(said(*queue, "dequeue", nullptr) == "ok 1");
  CHECK(said(*queue, "drain", nullptr) == "ok [2,3]");
  CHECK(said(*queue, "drain", nullptr) == "ok []");

  const auto holder = client_for("lock"), other = client_for("lock");
  CHECK(said(*holder, "acquire", 0) == "ok null");
  CHECK(said(*other, "acquire", 0) == "fail");
  CHECK(said(*other, "release", 0) == "fail");
  CHECK(said(*other, "acquire", 1) == "ok null");
  CHECK(said(*holder, "release", 0) == "ok 0");
  CHECK(said(*other, "acquire", 0) == "ok null");

  const auto ids = client_for("ids");
  CHECK(said(*ids, "generate", nullptr) == "ok 1");
  CHECK(said(*ids, "generate", nullptr) == "ok 2");

  const auto once = client_for("exactly-once");
  for (int i : {7, 8, 7}) CHECK(said(*once, "apply", i) == "ok " + std::to_string(i));
  CHECK(said(*once, "read", nullptr) == "ok [7,8]");

  const auto micro = [](const char* f, Value k, Value v) { return Value::list({f, std::move(k), std::move(v)}); };
  const auto lists = client_for("list-transactions");
  CHECK(said(*lists, "txn",
             Value::list(
                 {micro("r", 1, nullptr), micro("append", 1, 4), micro("append", 1, 5), micro("r", 1, nullptr)})) ==
        R"(ok [["r",1,null],["append",1,4],["append",1,5],["r",1,[4,5]]])");
  const auto rw = client_for("register-transactions");
  CHECK(said(*rw, "txn",
             Value::list({micro("r", 2, nullptr), micro("w", 2, 4), micro("r", 3, nullptr), micro("r", 2, nullptr)})) ==
        R"(ok [["r",2,null],["w",2,4],["r",3,null],["r",2,4]])");
}

}  // namespace

TEST_CASE("redis with Sentinel: every interface and servers paused and cut off and killed in the middle of a request") {
  SystemLab::with("redis-sentinel", 3, {}, [](SystemLab& lab) {
    CHECK(lab.system().version().value().find("v=7.0") != std::string::npos);
    CHECK(lab.system().primaries().value() == std::vector<std::string>{"n1"});
    check_interfaces(lab);

    // A replica refuses what would change it.
    const auto replica = lab.client(redis_client(), "set", {{"route", std::string("endpoint")}}, 1);
    CHECK(said(*replica, "add", 4) == "fail");

    MidRequest request;
    request.node = "n1";
    request.port = 6379;
    request.change = Name("add");
    request.value = [](int i) { return Value(100 + i); };
    request.make = [&] { return lab.client(redis_client(), "set", {{"route", std::string("endpoint")}}, 0, false); };
    request.happened = [&](int i) {
      const Completion all = lab.until_ok(request.make, Name("read"), nullptr);
      REQUIRE(all.type == OpType::ok);
      return std::count(all.value.items().begin(), all.value.items().end(), Value(100 + i)) == 1;
    };
    check_mid_request(lab, request);

    // The master goes away for longer than Sentinel waits: another is chosen, and clients find it.
    const std::string first = lab.system().primaries().value().at(0);
    REQUIRE(lab.system().kill({first}));
    SteadyClock clock;
    const Nanos end = clock.now() + 60s;
    std::vector<std::string> now;
    while (clock.now() < end && (now.size() != 1 || now[0] == first)) {
      clock.sleep_until(clock.now() + 250ms, {});
      now = lab.system().primaries().value_or(std::vector<std::string>{});
    }
    CHECK((now.size() == 1 && now[0] != first));
    const auto elsewhere = [&] { return lab.client(redis_client(), "set", {}, 1, false); };
    CHECK(lab.until_ok(elsewhere, Name("add"), 500).type == OpType::ok);
    REQUIRE(lab.system().start({first}));
    lab.wait_until_healthy();
    CHECK(lab.system().primaries().value() == now);
  });
}
#endif
