#include "nemesis/agent/protocol.h"

#include <catch2/catch.hpp>

#include "nemesis/agent/journal.h"
#include "nemesis/agent/peers.h"
#include "nemesis/agent/process.h"
#include "nemesis/agent_program.h"

using namespace shaketable;
using namespace shaketable::agent;

TEST_CASE("every byte comes through a message") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  Message message{7, "arm", {{"key", "run.1"}, {"arg.rules4", all}, {"empty", ""}, {"key", "second"}}};
  const std::string line = to_line(message);
  CHECK(line.find('\n') == std::string::npos);
  const auto back = parse_message(line);
  REQUIRE(back.has_value());
  CHECK(back->id == 7);
  CHECK(back->word == "arm");
  CHECK(back->fields == message.fields);
  CHECK(all_fields(back->fields, "key") == std::vector<std::string>{"run.1", "second"});
}

TEST_CASE("what is not a message is refused") {
  for (const char* line : {"", "7", "x arm", "-1 arm", "7 arm key", "7 arm key=%4", "7 arm key=%zz"}) {
    INFO(line);
    CHECK_FALSE(parse_message(line).has_value());
  }
}

TEST_CASE("a greeting says who is there") {
  const auto greeting = parse_greeting(to_line(Greeting{1, "00ff", "x86_64", "b-o-o-t", 0}));
  REQUIRE(greeting.has_value());
  CHECK(greeting->protocol == 1);
  CHECK(greeting->hash == "00ff");
  CHECK(greeting->machine == "x86_64");
  CHECK(greeting->boot == "b-o-o-t");
  CHECK(greeting->uid == 0);
  CHECK_FALSE(parse_greeting("sh: 1: not found").has_value());
  CHECK_FALSE(parse_greeting("shaketable-agent").has_value());
}

TEST_CASE("a hash tells a file that was cut short") {
  CHECK(hash_of("") == "cbf29ce484222325");
  CHECK(hash_of("a") == "af63dc4c8601ec8c");
  CHECK(hash_of("ab") != hash_of("a"));
}

TEST_CASE("an entry of the journal reads back as it was written") {
  Entry entry;
  entry.key = "run.3";
  entry.kind = "firewall";
  entry.fault = 3;
  entry.state = EntryState::applied;
  entry.boot = "boot";
  entry.limit = Nanos(123456789);
  entry.fields = {{"found4", "-P INPUT ACCEPT\n-A INPUT -m comment --comment \"50 % off\" -j A"}, {"armed", "12:34"}};
  const std::string text = to_text(entry);
  const auto back = parse_entry("run.3", text);
  REQUIRE(back.has_value());
  CHECK(back->kind == "firewall");
  CHECK(back->fault == 3);
  CHECK(back->state == EntryState::applied);
  CHECK(back->limit == Nanos(123456789));
  CHECK(back->fields == entry.fields);
  // Whatever is missing at its end: half an entry is none.
  for (std::size_t size = 0; size + 1 < text.size(); ++size) CHECK_FALSE(parse_entry("k", text.substr(0, size)));
}

TEST_CASE("processes are named by pid and start time") {
  const ProcessName own = own_name();
  CHECK(alive(own));
  CHECK_FALSE(alive({own.pid, own.start + 1}));
  CHECK(to_process(to_text(own)) == own);
  CHECK(to_processes(to_text(std::vector<ProcessName>{own, {77, 5}})) == std::vector<ProcessName>{own, {77, 5}});
  // Never everybody, and never init.
  for (const char* text : {"-1:5", "0:5", "1:5", "12", "12:x", ""}) CHECK_FALSE(to_process(text).has_value());
}

TEST_CASE("commands: codes and signals and deadlines") {
  using namespace std::chrono_literals;
  CHECK(run({"/bin/sh", "-c", "cat; echo no >&2; exit 3"}, "hello", 10s).out == "hello");
  CHECK(run({"/bin/sh", "-c", "echo no >&2; exit 3"}, "", 10s).describe() == "exit code 3: no");
  CHECK(run({"/bin/sh", "-c", "kill -KILL $$"}, "", 10s).code == 128 + 9);
  CHECK(run({"/no/such/program"}, "", 10s).code == 127);
  CHECK(run_script("sleep 100", 200ms).code == -1);
  // What a script leaves running does not keep us waiting.
  CHECK(run_script("sleep 2 & echo started", 10s).out == "started\n");
}

TEST_CASE("peers are called by address and port") {
  CHECK(to_peer_call("fd00::1/22")->address == "fd00::1");
  CHECK(to_peer_call("10.0.0.1/0")->port == 0);
  CHECK_FALSE(to_peer_call("10.0.0.1").has_value());
  CHECK_FALSE(to_peer_call("10.0.0.1/70000").has_value());
}

TEST_CASE("a node of another architecture is told apart and the remedy named") {
  const auto own = agent_program_for("x86_64");
  const auto other = agent_program_for("aarch64");
#ifdef __x86_64__
  REQUIRE(own.has_value());
  CHECK(machine_of((*own)->bytes) == "x86_64");
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().message.find("the node is of the architecture aarch64") != std::string::npos);
  CHECK(other.error().message.find("-DSHAKETABLE_AGENT_CROSS=aarch64-linux-gnu-g++") != std::string::npos);
#endif
  CHECK(machine_of("#!/bin/sh").empty());
}
