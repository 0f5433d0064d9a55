// A client program of one's own, on the embedded lab's etcd.
#include <catch2/catch.hpp>

#include "history/run_file.h"
#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;
using namespace std::chrono_literals;

TEST_CASE("the client program in Python runs a plan on etcd and keeps the protocol") {
  if (getuid() != 0) {
    WARN("skipped: the lab needs root");
    return;
  }
  const Scratch scratch;
  const std::string out = scratch / "run", lab = "test-exec";
  struct Down {
    const std::string lab;
    ~Down() { run_shaketable({"lab", "down", "--lab", lab}, 120s); }
  } const down{lab};
  // An operation may start a new interpreter of Python on a busy machine: so the long deadlines.
  const Said run = run_shaketable({"run", "configs/etcd-exec.yaml", "--set", "time_limit=12s", "--set",
                                   "client.timeout=5s", "--seed", "5", "--lab", lab, "--keep", "--out", out},
                                  300s);
  INFO(run.out << run.err);
  CHECK(run.exit_code == 0);
  CHECK(run.out.find("VALID: etcd kept its promises") == 0);
  const auto file = open_run(out);
  REQUIRE(file);
  CHECK(file->events() > 200);

  const auto status = parse_json(run_shaketable({"lab", "status", "--json", "--lab", lab}).out);
  REQUIRE(status);
  const Value* nodes = status->find("nodes");
  REQUIRE((nodes && nodes->is_list() && nodes->size() == 3));
  const Value* address = (*nodes)[0].find("address");
  REQUIRE(address);
  const Said conforms = run_shaketable(
      {"lab", "exec", "--lab", lab, std::string(SHAKETABLE_BIN_DIR) + "/shaketable", "conformance", "--timeout", "30s",
       "--endpoint", "http://" + std::string(address->text()) + ":2379", "python3", "configs/clients/etcd.py"},
      300s);
  INFO(conforms.out << conforms.err);
  CHECK(conforms.exit_code == 0);
  CHECK(conforms.out.find("all 23 rules hold") != std::string::npos);

  // The built-in client as a program of its own.
  const Said built_in =
      run_shaketable({"lab", "exec", "--lab", lab, std::string(SHAKETABLE_BIN_DIR) + "/shaketable", "conformance",
                      "--timeout", "30s", "--endpoint", "http://" + std::string(address->text()) + ":2379",
                      std::string(SHAKETABLE_BIN_DIR) + "/shaketable", "client", "etcd"},
                     300s);
  INFO(built_in.out << built_in.err);
  CHECK(built_in.exit_code == 0);
}
