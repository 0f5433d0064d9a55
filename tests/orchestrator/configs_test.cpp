#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cluster/system.h"
#include "orchestrator/catalogue.h"
#include "orchestrator/plan/fields.h"

namespace shaketable {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> yaml_files(const std::string& directory) {
  std::vector<std::string> out;
  for (const auto& file : fs::directory_iterator(directory))
    if (file.path().extension() == ".yaml") out.push_back(file.path().string());
  return out;
}

TEST_CASE("every plan of configs/ is good") {
  const std::vector<std::string> plans = yaml_files(SHAKETABLE_SOURCE_DIR "/configs");
  CHECK(plans.size() >= 3);
  for (const std::string& path : plans) {
    const auto plan = read_plan(path, catalogue());
    INFO(path << "\n" << (plan ? std::string() : plan.error().message));
    REQUIRE(plan);
    CHECK(plan->name == fs::path(path).stem());
    CHECK_FALSE(plan->about.empty());
  }
}

TEST_CASE("every system of configs/systems/ is good") {
  const std::vector<std::string> systems = yaml_files(SHAKETABLE_SOURCE_DIR "/configs/systems");
  CHECK_FALSE(systems.empty());
  for (const std::string& path : systems) {
    const auto system = read_system(path);
    INFO(path << "\n" << (system ? std::string() : system.error().message));
    REQUIRE(system);
    CHECK(system->name == fs::path(path).stem());
    const auto whole = check_system(*system, {});
    CHECK((whole ? std::string() : whole.error().message) == "");
    CHECK_FALSE(system->about.empty());
  }
}

TEST_CASE("no parameter has the name of a key that its reader takes for its own") {
  std::string taken;
  for (const auto& [name, client] : catalogue().clients)
    for (const ParameterSpec& spec : client.parameters)
      for (const char* own : {"name", "timeout", "user", "password", "tls"})
        if (spec.name == own) taken += "client " + name + ": " + own + "\n";
  for (const auto& [name, workload] : catalogue().workloads)
    for (const ParameterSpec& spec : workload.parameters)
      for (const char* own : {"name", "workers", "rate", "rates", "load", "arrival", "backlog", "generator", "final"})
        if (spec.name == own) taken += "workload " + name + ": " + own + "\n";
  for (const auto& [name, fault] : catalogue().faults)
    for (const char* own : {"weight", "at", "for"})
      if (name == own) taken += "fault " + name + "\n";
  CHECK(taken == "");
}

TEST_CASE("a real fault says where the plan stands whether the cluster is large enough for it") {
  PlanOptions options;
  options.directory = SHAKETABLE_SOURCE_DIR "/configs";
  const auto plan = parse_plan(
      "system: etcd\nworkload: register\ncluster: {lab: {nodes: 1}}\n"
      "faults: {schedule: random, choose: [partition: isolate]}\n",
      "plan.yaml", catalogue(), options);
  REQUIRE_FALSE(plan);
  CHECK(plan.error().message ==
        "plan.yaml:4:37: partition isolate needs at least 2 nodes, and there are 1\n"
        "faults: {schedule: random, choose: [partition: isolate]}\n"
        "                                    ^");
}

TEST_CASE("the program of a client is looked for beside the plan") {
  PlanOptions options;
  options.directory = SHAKETABLE_SOURCE_DIR "/configs";
  const auto read = [&](const std::string& command) {
    return parse_plan("system: etcd\nworkload: register\nclient: {name: exec, command: " + command + "}\n", "plan.yaml",
                      catalogue(), options);
  };
  const auto found = read("[clients/directory.sh, x]");
  REQUIRE(found);
  CHECK(found->client.options.texts("command") ==
        std::vector<std::string>{SHAKETABLE_SOURCE_DIR "/configs/clients/directory.sh", "x"});
  CHECK(read("python3")->client.options.texts("command") == std::vector<std::string>{"python3"});
  const auto absent = read("[clients/no.sh, x]");
  REQUIRE_FALSE(absent);
  CHECK(absent.error().message == "plan.yaml:3:32: command: " SHAKETABLE_SOURCE_DIR
                                  "/configs/clients/no.sh: there is no such file\n"
                                  "client: {name: exec, command: [clients/no.sh, x]}\n"
                                  "                               ^");
  const auto dead = read("./quickstart.yaml");
  REQUIRE_FALSE(dead);
  CHECK(dead.error().message.find("/configs/./quickstart.yaml is not executable") != std::string::npos);
}

TEST_CASE("what is described as a default is one, and short forms exist") {
  const auto check = [](const std::string& what, const Described& described) {
    bool main = described.main_parameter.empty();
    for (const ParameterSpec& spec : described.parameters) {
      INFO(what << ", parameter " << spec.name);
      CHECK_FALSE(spec.about.empty());
      main = main || spec.name == described.main_parameter;
      if (spec.required || spec.fallback.empty()) continue;
      const bool in_words = spec.fallback.find(' ') != std::string::npos && spec.fallback.find_first_of("[{") != 0;
      if (in_words) continue;
      // The text for people must mean the value that the code gets.
      Problems problems;
      const std::string text = "x: " + spec.fallback + "\n";
      const YamlPtr tree = parse_yaml(text, problems.add_file("fallback", text), problems);
      REQUIRE(tree);
      const auto value = to_parameter(*tree->find("x")->value, spec, problems);
      CHECK((problems.empty() ? std::string() : problems.error().message) == "");
      CHECK((value && *value == spec.value));
    }
    INFO(what);
    CHECK(main);
  };
  for (const auto& [name, described] : catalogue().clients) check("client " + name, described);
  for (const auto& [name, described] : catalogue().workloads) check("workload " + name, described);
  for (const auto& [name, described] : catalogue().faults) check("fault " + name, described);
  for (const auto& [name, described] : catalogue().checkers) check("checker " + name, described);
}

// Blocks that begin with "```yaml plan" are whole plans. They may name files that only their reader has.
TEST_CASE("every whole plan in docs/ is good") {
  std::size_t found = 0;
  for (const auto& file : fs::directory_iterator(SHAKETABLE_SOURCE_DIR "/docs")) {
    if (file.path().extension() != ".md") continue;
    std::ifstream in(file.path());
    std::string line, block;
    bool inside = false;
    for (int number = 1, begin = 0; std::getline(in, line); ++number) {
      if (line == "```yaml plan") {
        inside = true;
        block.clear();
        begin = number;
      } else if (inside && line == "```") {
        inside = false;
        ++found;
        PlanOptions options;
        options.directory = SHAKETABLE_SOURCE_DIR "/configs";
        options.need_files = false;
        const auto plan =
            parse_plan(block, file.path().string() + ", block in line " + std::to_string(begin), catalogue(), options);
        CHECK((plan ? std::string() : plan.error().message) == "");
      } else if (inside) {
        block += line + "\n";
      }
    }
    CHECK_FALSE(inside);
  }
  CHECK(found >= 5);
}

}  // namespace
}  // namespace shaketable
