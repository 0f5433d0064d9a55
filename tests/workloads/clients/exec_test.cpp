#include "workloads/clients/exec.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "history/text.h"
#include "tests/orchestrator/program.h"
#include "workloads/clients/conformance.h"
#include "workloads/clients/memory.h"
#include "workloads/clients/processes.h"
#include "workloads/clients/serve.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

namespace {

const Name kRead("read"), kWrite("write");

Value tuple(std::int64_t key, Value value) {
  return Value::list({key, std::move(value)});
}

// A program of one shell loop: hello, open and whatever else is answered with ok; `invoke` by `body`, which has the
// question's id in $id and its line in $line.
ClientProgram shell(const std::string& body) {
  ClientProgram program;
  program.command = {"sh", "-c",
                     "while read -r line; do id=${line#*:}; id=${id%%,*}\n"
                     "case $line in *'\"do\":\"invoke\"'*) " +
                         body + ";; *) echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"ok\\\"}\";; esac; done"};
  return program;
}

struct Told {
  OpType type;
  std::string error;
};

Told told(Client& client, Name f, const Value& value, Nanos timeout = 20s) {
  const Completion completion = client.invoke(f, value, timeout);
  return {completion.type, completion.error.is_nil() ? "" : std::string(completion.error.text())};
}

std::string directory_client() {
  return SHAKETABLE_SOURCE_DIR "/configs/clients/directory.sh";
}

}  // namespace

TEST_CASE("a program's answers are the operation's: ok with its value or fail or info with its reason") {
  const auto client = program_client(
      shell("case $line in *1,null*) echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"ok\\\",\\\"value\\\":[1,9]}\";;"
            "*2,null*) echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"info\\\",\\\"error\\\":\\\"who knows\\\"}\";;"
            "*3,4*) echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"fail\\\",\\\"error\\\":\\\"no\\\"}\";;"
            "*) echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"info\\\"}\";; esac"),
      {});
  REQUIRE(client->open(20s));
  const Completion read = client->invoke(kRead, tuple(1, nullptr), 20s);
  CHECK((read == Completion{OpType::ok, tuple(1, 9), Value()}));
  // A read changes nothing, so a read that nobody knows of did not happen.
  CHECK((client->invoke(kRead, tuple(2, nullptr), 20s) ==
         Completion{OpType::fail, tuple(2, nullptr), Value("who knows")}));
  CHECK((client->invoke(kWrite, tuple(3, 4), 20s) == Completion{OpType::fail, tuple(3, 4), Value("no")}));
  CHECK((client->invoke(kWrite, tuple(5, 6), 20s) ==
         Completion{OpType::info, tuple(5, 6), Value("the client program gave no reason")}));
}

TEST_CASE("maps that JSON gives text keys have their numbers back") {
  const auto client = program_client(
      shell(
          "echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"ok\\\",\\\"value\\\":[{\\\"0\\\":10,\\\"x\\\":{\\\"-1\\\":2}}]}\""),
      {});
  REQUIRE(client->open(20s));
  CHECK((client->invoke(kRead, Value(), 20s).value ==
         Value::list({Value::map({{0, 10}, {"x", Value::map({{-1, 2}})}})})));
}

TEST_CASE("a late answer is info and fail for reads and the process is replaced") {
  // Its first process never answers; the second one finds the mark and does.
  const Scratch scratch;
  ClientProgram program = shell(
      "if [ -e \"$MARK\" ]; then echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"ok\\\",\\\"value\\\":0}\";"
      " else : >\"$MARK\"; sleep 600; fi");
  program.environment["MARK"] = scratch / "mark";
  ClientSettings settings;
  settings.processes = std::make_shared<ClientProcesses>();
  const auto client = program_client(program, settings);
  REQUIRE(client->open(20s));
  const auto first = settings.processes->pid_of(0);
  REQUIRE(first);
  const Told late = told(*client, kWrite, tuple(1, 1), 50ms);
  CHECK(late.type == OpType::info);
  CHECK(late.error == "the client program: no answer within 50ms");
  CHECK_FALSE(settings.processes->pid_of(0));
  CHECK_FALSE(process_state(*first));
  CHECK(told(*client, kWrite, tuple(1, 2)).type == OpType::ok);
  CHECK(settings.processes->pid_of(0) != first);
  std::filesystem::remove(scratch / "mark");
  CHECK(told(*client, kRead, tuple(1, nullptr), 50ms).type == OpType::fail);
}

TEST_CASE("a program that ends is told of with its last words and started again") {
  const auto client = program_client(shell("echo dying >&2; exit 3"), {});
  REQUIRE(client->open(20s));
  const Told write = told(*client, kWrite, tuple(1, 1));
  CHECK(write.type == OpType::info);
  CHECK(write.error == "the client program: it ended: exit code 3: dying");
  CHECK(told(*client, kRead, tuple(1, nullptr)).type == OpType::fail);
}

TEST_CASE("a process that died between two operations is replaced before the next is sent") {
  ClientSettings settings;
  settings.processes = std::make_shared<ClientProcesses>();
  const auto client =
      program_client(shell("echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"ok\\\",\\\"value\\\":0}\""), settings);
  REQUIRE(client->open(20s));
  const pid_t first = settings.processes->pid_of(0).value();
  REQUIRE(settings.processes->signal(0, SIGKILL));
  for (int i = 0; i < 1000; ++i) {
    const auto state = process_state(first);
    if (!state || state->state == 'Z') break;
    std::this_thread::sleep_for(10ms);
  }
  CHECK_FALSE(settings.processes->signal(0, SIGKILL));
  CHECK(told(*client, kWrite, tuple(1, 1)).type == OpType::ok);
  CHECK(settings.processes->pid_of(0) != first);
}

TEST_CASE("garbage is said to be garbage") {
  const auto error_of = [](const std::string& echoed) {
    const auto client = program_client(shell("echo " + echoed), {});
    REQUIRE(client->open(20s));
    const Told answer = told(*client, kWrite, tuple(1, 1));
    CHECK(answer.type == OpType::info);
    return answer.error;
  };
  CHECK(error_of("hello") ==
        "the client program: its answer is not JSON: \"hello\": column 1: found \"hello\", expected a JSON value");
  CHECK(error_of("[]") == "the client program: its answer is not an object: \"[]\"");
  CHECK(error_of("'{\"id\":77,\"type\":\"ok\"}'") ==
        "the client program: its answer has not the id 2 of the question: \"{\"id\":77,\"type\":\"ok\"}\"");
  CHECK(error_of("'{\"id\":2,\"type\":\"yes\"}'") ==
        "the client program: its answer has no type of ok, fail or info: \"{\"id\":2,\"type\":\"yes\"}\"");
  CHECK(error_of("'{\"id\":2,\"type\":\"ok\"}'") == "the client program: an ok without a value");
}

TEST_CASE("a program that cannot be opened says why and nothing was sent") {
  ClientProgram program;
  program.command = {"sh", "-c", "read -r line; echo '{\"id\":0,\"type\":\"fail\",\"error\":\"wrong password\"}'; cat"};
  const auto refusing = program_client(program, {});
  CHECK(refusing->open(20s).error().message == "the client program refused \"hello\": wrong password");
  CHECK(told(*refusing, kWrite, tuple(1, 1)).type == OpType::fail);
  program.command = {"no-such-program-at-all"};
  CHECK(program_client(program, {})->open(20s).error().message ==
        "the client program: no-such-program-at-all: no such program in PATH");
  program.command = {"sleep", "600"};
  program.start_timeout = 50ms;
  CHECK(program_client(program, {})->open(20s).error().message == "the client program: no answer within 50ms");
}

TEST_CASE("hello carries who and where and the password is in the environment alone") {
  const Scratch scratch;
  ClientProgram program;
  program.command = {"sh", "-c",
                     "read -r line; printf '%s\\n%s\\n' \"$line\" \"$SHAKETABLE_PASSWORD\" >\"$OUT\";"
                     "tr '\\0' ' ' </proc/$$/cmdline >>\"$OUT\"; echo '{\"id\":0,\"type\":\"ok\"}';"
                     "read -r line; echo said on stderr >&2; echo '{\"id\":1,\"type\":\"ok\"}'; cat >/dev/null"};
  program.environment["OUT"] = scratch / "out";
  program.options = Value::map({{"prefix", "/x/"}});
  ClientSettings settings;
  settings.endpoints = {{"n1", "http://a"}, {"n2", "http://b"}};
  settings.worker = 3;
  settings.run = "run-1";
  settings.interface = "bank";
  settings.workload.set("accounts", std::int64_t{5});
  settings.workload.set("total", std::int64_t{100});
  settings.user = "tester";
  settings.password = "swordfish";
  settings.ca_file = "/ca.pem";
  settings.log_directory = scratch / "logs";
  {
    const auto client = program_client(program, settings);
    REQUIRE(client->open(20s));
  }
  std::istringstream out(content_of(scratch / "out"));
  std::string hello, password, command_line;
  std::getline(out, hello);
  std::getline(out, password);
  std::getline(out, command_line, '\0');
  CHECK(hello.find("{\"id\":0,\"do\":\"hello\",\"protocol\":1,\"run\":\"run-1\",\"worker\":3,\"interface\":\"bank\","
                   "\"workload\":{\"accounts\":5,\"total\":100},\"node\"") == 0);
  CHECK(hello.find("\"node\":\"n2\",\"url\":\"http://b\",\"endpoints\":[{\"node\":\"n1\",\"url\":\"http://a\"},"
                   "{\"node\":\"n2\",\"url\":\"http://b\"}],\"options\":{\"prefix\":\"/x/\"},\"user\":\"tester\","
                   "\"tls\":{\"ca\":\"/ca.pem\"}}") != std::string::npos);
  CHECK(hello.find("swordfish") == std::string::npos);
  CHECK(password == "swordfish");
  CHECK(command_line.find("swordfish") == std::string::npos);
  CHECK(content_of(scratch / "logs/worker-3.log") == "said on stderr\n");
}

TEST_CASE("a program that is stopped is not late") {
  ClientSettings settings;
  settings.processes = std::make_shared<ClientProcesses>();
  const auto client =
      program_client(shell("echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"ok\\\",\\\"value\\\":0}\""), settings);
  REQUIRE(client->open(20s));
  REQUIRE(settings.processes->signal(0, SIGSTOP));
  const pid_t pid = settings.processes->pid_of(0).value();
  std::jthread other([&] {
    std::this_thread::sleep_for(2500ms);
    settings.processes->signal(0, SIGCONT);
  });
  // Stopped for longer than its deadline, and then it has the whole of it again.
  CHECK(told(*client, kWrite, tuple(1, 1), 2s).type == OpType::ok);
  CHECK(settings.processes->pid_of(0) == pid);
}

TEST_CASE("a built-in client is served over the protocol") {
  const ClientInfo memory = memory_client();
  std::istringstream in(
      "{\"id\":0,\"do\":\"open\"}\n"
      "{\"id\":1,\"do\":\"hello\",\"protocol\":2}\n"
      "{\"id\":2,\"do\":\"hello\",\"protocol\":1,\"run\":\"served\",\"worker\":0,\"interface\":\"register\","
      "\"endpoints\":[{\"node\":\"n1\",\"url\":\"x\"}],\"options\":{\"bad\":1}}\n"
      "{\"id\":3,\"do\":\"hello\",\"protocol\":1,\"run\":\"served\",\"worker\":0,\"interface\":\"register\","
      "\"endpoints\":[{\"node\":\"n1\",\"url\":\"x\"}],\"options\":{}}\n"
      "{\"id\":4,\"do\":\"open\",\"timeout_ms\":1000}\n"
      "{\"id\":5,\"do\":\"invoke\",\"f\":\"write\",\"value\":[1,5],\"timeout_ms\":1000}\n"
      "{\"id\":6,\"do\":\"invoke\",\"f\":\"read\",\"value\":[1,null],\"timeout_ms\":1000}\n"
      "{\"id\":7,\"do\":\"dance\"}\n"
      "{\"id\":8,\"do\":\"close\"}\n"
      "{\"id\":9,\"do\":\"probe\"}\n");
  std::ostringstream out;
  REQUIRE(serve_client(memory, in, out));
  CHECK(out.str() ==
        "{\"id\":0,\"type\":\"fail\",\"value\":null,\"error\":\"the first message must be hello\"}\n"
        "{\"id\":1,\"type\":\"fail\",\"value\":null,\"error\":\"this program speaks protocol 1\"}\n"
        "{\"id\":2,\"type\":\"fail\",\"value\":null,\"error\":\"the client memory has no parameter \\\"bad\\\"\"}\n"
        "{\"id\":3,\"type\":\"ok\",\"value\":null,\"error\":null}\n"
        "{\"id\":4,\"type\":\"ok\",\"value\":null,\"error\":null}\n"
        "{\"id\":5,\"type\":\"ok\",\"value\":[1,5],\"error\":null}\n"
        "{\"id\":6,\"type\":\"ok\",\"value\":[1,5],\"error\":null}\n"
        "{\"id\":7,\"type\":\"fail\",\"value\":null,\"error\":\"unknown: \\\"dance\\\"\"}\n"
        "{\"id\":8,\"type\":\"ok\",\"value\":null,\"error\":null}\n");
  std::istringstream garbage("not json\n");
  CHECK_FALSE(serve_client(memory, garbage, out));
}

TEST_CASE("the shell example keeps the protocol") {
  const Scratch scratch;
  ConformanceSettings settings;
  settings.command = {directory_client()};
  settings.options = {{"directory", scratch / "registers"}};
  settings.timeout = 30s;
  std::string broken;
  const auto findings = check_conformance(settings, [&](const ConformanceFinding& finding) {
    if (!finding.passed) broken += finding.rule + ": " + finding.detail + "\n";
  });
  REQUIRE(findings);
  CHECK(broken == "");
  CHECK(findings->size() == 23);
}

TEST_CASE("a program that does not keep the protocol is told which rules it breaks") {
  ConformanceSettings settings;
  // Says ok to everything, with the value 0.
  settings.command = {"sh", "-c",
                      "while read -r line; do id=${line#*:}; id=${id%%,*};"
                      "echo \"{\\\"id\\\":$id,\\\"type\\\":\\\"ok\\\",\\\"value\\\":0}\"; done; exit 4"};
  settings.timeout = 30s;
  std::vector<std::string> broken;
  const auto findings = check_conformance(settings, [&](const ConformanceFinding& finding) {
    if (!finding.passed) broken.push_back(finding.rule);
  });
  REQUIRE(findings);
  const auto breaks = [&](const char* rule) { return std::find(broken.begin(), broken.end(), rule) != broken.end(); };
  CHECK(breaks("an unknown message is answered with fail"));
  CHECK(breaks("a read sees the write before it"));
  CHECK(breaks("a cas that expects another value is fail"));
  CHECK(breaks("a protocol that it does not know is refused with fail"));
  CHECK(breaks("after \"close\" it ends with exit code 0 within a second"));
  CHECK_FALSE(breaks("hello is answered with ok"));
  settings.command = {"true"};
  const auto dead = check_conformance(settings, [](const ConformanceFinding&) {});
  REQUIRE(dead);
  REQUIRE(dead->size() == 1);
  CHECK_FALSE(dead->front().passed);
  CHECK(dead->front().detail.find("it ended: exit code 0") != std::string::npos);
}
