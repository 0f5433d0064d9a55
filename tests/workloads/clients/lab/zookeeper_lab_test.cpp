#ifdef SHAKETABLE_WITH_ZOOKEEPER
// ZooKeeper on the lab, by configs/systems/zookeeper.yaml.

#include "workloads/clients/zookeeper.h"

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
  const auto client_for = [&](const char* interface, std::size_t worker = 0) {
    return lab.client(zookeeper_client(), interface, {}, worker);
  };
  const auto registers = client_for("register"), elsewhere = client_for("register", 1);
  CHECK(said(*registers, "read", tuple(1, nullptr)) == "ok [1,null]");
  CHECK(said(*registers, "cas", tuple(1, Value::list({nullptr, 4}))) == "ok [1,[null,4]]");
  CHECK(said(*elsewhere, "cas", tuple(1, Value::list({nullptr, 5}))) == "fail");
  CHECK(said(*elsewhere, "read", tuple(1, nullptr)) == "ok [1,4]");
  CHECK(said(*elsewhere, "cas", tuple(1, Value::list({4, 6}))) == "ok [1,[4,6]]");
  CHECK(said(*registers, "write", tuple(2, "a text")) == R"(ok [2,"a text"])");
  CHECK(said(*elsewhere, "read", tuple(2, nullptr)) == R"(ok [2,"a text"])");

  const auto set = client_for("set");
  CHECK(said(*set, "read", nullptr) == "ok []");
  CHECK(said(*set, "add", 3) == "ok 3");
  CHECK(said(*set, "add", 3) == "ok 3");
  CHECK(said(*set, "read", nullptr) == "ok [3]");

  const auto counter = client_for("counter");
  CHECK(said(*counter, "add", 5) == "ok 5");
  CHECK(said(*counter, "add", -7) == "ok -7");
  CHECK(said(*counter, "read", nullptr) == "ok -2");

  const auto queue = client_for("queue");
  CHECK(said(*queue, "dequeue", nullptr) == "ok null");
  for (int i : {1, 2, 3}) CHECK(said(*queue, "enqueue", i) == "ok " + std::to_string(i));
  CHECK(said(*queue, "dequeue", nullptr) == "ok 1");
  CHECK(said(*queue, "drain", nullptr) == "ok [2,3]");
  CHECK(said(*queue, "drain", nullptr) == "ok []");

  const auto ids = client_for("ids"), others = client_for("ids", 1);
  CHECK(said(*ids, "generate", nullptr) != said(*others, "generate", nullptr));

  const auto holder = client_for("lock");
  auto other = client_for("lock", 1);
  const Completion first = holder->invoke(Name("acquire"), 0, 5s);
  REQUIRE(first.type == OpType::ok);
  CHECK(other->invoke(Name("acquire"), 0, 400ms).type == OpType::fail);
  CHECK(said(*holder, "release", 0) == "ok 0");
  CHECK(said(*holder, "release", 0) == "fail");
  const Completion second = other->invoke(Name("acquire"), 0, 5s);
  REQUIRE(second.type == OpType::ok);
  CHECK(second.value.integer() > first.value.integer());
  other.reset();  // its session ends, and its lock with it
  CHECK(holder->invoke(Name("acquire"), 0, 5s).type == OpType::ok);
}

}  // namespace

TEST_CASE("zookeeper: every interface and members paused and cut off and killed in the middle of a request") {
  SystemLab::with("zookeeper", 3, {}, [](SystemLab& lab) {
    CHECK(lab.system().version().value().find("ZooKeeper 3.8") == 0);
    const auto leaders = lab.system().primaries().value();
    REQUIRE(leaders.size() == 1);
    REQUIRE(lab.client(zookeeper_client(), "set")->setup(10s));
    check_interfaces(lab);

    MidRequest request;
    request.node = "n1";
    request.port = 2181;
    request.change = Name("add");
    request.value = [](int i) { return Value(100 + i); };
    request.make = [&] { return lab.client(zookeeper_client(), "set", {}, 0, false); };
    request.happened = [&](int i) {
      const Completion all = lab.until_ok(request.make, Name("read"), nullptr);
      REQUIRE(all.type == OpType::ok);
      return std::count(all.value.items().begin(), all.value.items().end(), Value(100 + i)) == 1;
    };
    check_mid_request(lab, request);
  });
}
#endif
