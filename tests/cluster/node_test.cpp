#include "cluster/node.h"

#include <catch2/catch.hpp>
#include <latch>

#include "tests/cluster/scripted_remote.h"

// The count of references to an exception is kept inside libstdc++, where ThreadSanitizer does not see its atomics.
extern "C" const char* __tsan_default_suppressions() {
  return "race:std::runtime_error::~runtime_error\nrace:std::__exception_ptr::exception_ptr::_M_release\n";
}

using namespace shaketable;
using namespace shaketable::testing;

namespace {

Command command(std::string script) {
  Command out;
  out.script = std::move(script);
  return out;
}

}  // namespace

TEST_CASE("An outcome describes itself in a few words") {
  CHECK(done("", 3, "first\nno such table\n\n").describe() == "exit code 3: no such table");
  CHECK(done("on stdout\n", 1).describe() == "exit code 1: on stdout");
  CHECK(done("fine\n").describe() == "exit code 0");
  CHECK(killed("KILL").describe() == "killed by KILL");
  CHECK(unknown("no end within 5s").describe() == "unknown: no end within 5s");
  CHECK(not_started("no connection").describe() == "not started: no connection");
  CHECK(done().succeeded());
  CHECK_FALSE(done("", 1).succeeded());
  CHECK_FALSE(killed("KILL").succeeded());
  CHECK_FALSE(unknown("x").succeeded());
}

TEST_CASE("A node runs what it is given in order, on a thread of its own") {
  auto nodes = scripted_cluster(1);
  std::thread::id worker;
  nodes[0]->otherwise(done());
  nodes[0]->on("second", [&](const Command&) {
    worker = std::this_thread::get_id();
    return done("2");
  });
  Node& node = nodes.cluster.node(0);
  auto first = node.run(command("first"));
  auto second = node.run(command("second"));
  CHECK(second.get().out == "2");
  CHECK(first.get().succeeded());
  CHECK(nodes[0]->scripts() == std::vector<std::string>{"first", "second"});
  CHECK(worker != std::this_thread::get_id());
}

TEST_CASE("A node that is closed ends the work begun and drops the rest, each with an answer") {
  auto script = std::make_shared<ScriptedNode>();
  Node node(scripted_node_spec(1), std::make_unique<ScriptedRemote>(script));
  std::latch begun(1), go_on(1);
  script->on("slow", [&](const Command&) {
    begun.count_down();
    go_on.wait();
    return done("ended");
  });
  auto slow = node.run(command("slow"));
  begun.wait();
  auto queued = node.run(command("queued"));
  auto file = node.upload("x", "/f", 0644);
  auto text = node.download("/f", 10);
  auto connection = node.connect();
  auto anything = node.with_remote([](Remote&) {});
  node.close();
  auto late = node.run(command("late"));
  go_on.count_down();

  const std::string why = "node n1: dropped, the connection is being closed";
  CHECK(slow.get().out == "ended");
  CHECK(queued.get().describe() == "not started: " + why);
  CHECK(late.get().describe() == "not started: " + why);
  CHECK(file.get().error().message == why);
  CHECK(text.get().error().message == why);
  CHECK(connection.get().error().message == why);
  CHECK_THROWS_WITH(anything.get(), why);
  CHECK(script->scripts() == std::vector<std::string>{"slow"});
}

TEST_CASE("with_remote gives back what the work throws") {
  auto nodes = scripted_cluster(1);
  auto result = nodes.cluster.node(0).with_remote([](Remote&) { throw std::runtime_error("from the work"); });
  CHECK_THROWS_WITH(result.get(), "from the work");
}

TEST_CASE("Connecting a cluster names every node that cannot be reached, and why") {
  auto nodes = scripted_cluster(3);
  CHECK(nodes.cluster.connect());
  nodes[0]->unreachable("10.0.0.1 port 22: connection refused");
  nodes[2]->unreachable("10.0.0.3 port 22: no answer within 10s");
  const auto result = nodes.cluster.connect();
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::infrastructure);
  CHECK(result.error().message ==
        "2 of 3 nodes cannot be reached:\n"
        "  node n1: 10.0.0.1 port 22: connection refused\n"
        "  node n3: 10.0.0.3 port 22: no answer within 10s");
}

TEST_CASE("A command on several nodes runs on all of them at once") {
  auto nodes = scripted_cluster(3);
  // Each answer waits until all three have begun: in sequence this would never end.
  std::latch all_begun(3);
  for (int i = 0; i < 3; ++i)
    nodes[i]->on("hello", [&, i](const Command&) {
      all_begun.arrive_and_wait();
      return done(std::to_string(i));
    });
  const auto outcomes = nodes.cluster.run_on_all(command("hello"));
  REQUIRE(outcomes.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(outcomes[i].out == std::to_string(i));

  nodes[1]->on("who", done("second"));
  const auto one =
      nodes.cluster.run({nodes.cluster.find("n2")}, [](const Node& node) { return command("who " + node.name()); });
  REQUIRE(one.size() == 1);
  CHECK(one[0].out == "second");
  CHECK(nodes[1]->scripts().back() == "who n2");
  CHECK(nodes.cluster.find("n9") == nullptr);
  CHECK(nodes.cluster.names() == std::vector<std::string>{"n1", "n2", "n3"});
}

TEST_CASE("A scripted node: newest rule first, counted rules run out, files and lines are kept") {
  auto nodes = scripted_cluster(1);
  nodes[0]->on("a", done("old"));
  nodes[0]->on("a", done("new"), 1);
  Node& node = nodes.cluster.node(0);
  CHECK(node.run(command("a")).get().out == "new");
  CHECK(node.run(command("a")).get().out == "old");
  CHECK(node.run(command("zzz")).get().err == "no rule answers: zzz\n");
  CHECK(node.upload("0123456789", "/x", 0600).get());
  CHECK(nodes[0]->files().at("/x") == "0123456789");
  CHECK(nodes[0]->modes().at("/x") == 0600);
  CHECK(node.download("/x", 4).get().value() == "6789");
  CHECK_FALSE(node.download("/y", 4).get());
  nodes[0]->on_line("ping", [](const std::string&) { return std::vector<std::string>{"pong"}; });
  node.with_remote([](Remote& remote) {
        auto shell = remote.open_shell(true);
        CHECK((*shell)->send("ping\nquiet\n"));
        CHECK((*shell)->receive_line(Nanos(1)).value() == "pong");
        CHECK_FALSE((*shell)->receive_line(Nanos(1)));
      })
      .get();
  CHECK(nodes[0]->lines() == std::vector<std::string>{"ping", "quiet"});
}
