#include "tests/orchestrator/plan/sample.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

namespace shaketable {
namespace {

ParameterSpec spec(std::string name, ParameterType type, ParameterValue value, std::vector<std::string> choices = {}) {
  ParameterSpec out;
  out.name = std::move(name);
  out.type = type;
  out.about = "about " + out.name;
  out.value = std::move(value);
  out.choices = std::move(choices);
  return out;
}

Catalogue make() {
  Catalogue out;
  out.clients["etcd"] = {
      "etcd's JSON gateway",
      {spec("reads", ParameterType::choice, std::string("linearizable"), {"linearizable", "serializable"})},
      ""};
  ParameterSpec program = spec("program", ParameterType::text, std::string());
  program.required = true;
  program.about = "the program that speaks the client protocol";
  out.clients["exec"] = {
      "a program of your own", {program, spec("arguments", ParameterType::texts, std::vector<std::string>{})}, ""};

  ParameterSpec keys = spec("keys", ParameterType::integer, std::int64_t{4});
  keys.minimum = 1;
  keys.maximum = 10'000;
  out.workloads["register"] = {
      "reads, writes and compare-and-sets of registers",
      {keys, spec("ops_per_key", ParameterType::integer, std::int64_t{200}),
       spec("values", ParameterType::integer, std::int64_t{5}),
       spec("mix", ParameterType::weights, Weights{{"read", 2}, {"write", 1}, {"cas", 1}}, {"read", "write", "cas"}),
       spec("final_reads", ParameterType::boolean, true)},
      ""};
  out.workloads["append"] = {"appends to lists", {}, ""};

  ParameterSpec share = spec("share", ParameterType::number, 0.5);
  share.minimum = 0;
  share.maximum = 1;
  out.faults["partition"] = {"cuts the network between nodes",
                             {spec("shape", ParameterType::choice_list, std::vector<std::string>{"halves"},
                                   {"halves", "isolate", "majorities-ring", "bridge", "one-way"}),
                              spec("targets", ParameterType::texts, std::vector<std::string>{"random"})},
                             "shape"};
  out.faults["pause"] = {"stops processes",
                         {share, spec("delay", ParameterType::duration, Nanos(std::chrono::milliseconds(100))),
                          spec("spread", ParameterType::duration_range, DurationRange{}),
                          spec("fill", ParameterType::size, std::uint64_t{1024})},
                         ""};
  out.faults["partition"].check = [](const Parameters&, const std::vector<std::string>& nodes) -> Result<void> {
    if (nodes.size() < 2) return bad_input("partition needs at least 2 nodes, and there is only " + nodes.front());
    return {};
  };
  out.faults["kill"] = {"kills processes", {}, ""};

  out.checkers["linearizable"] = {
      "one order of all operations",
      {spec("model", ParameterType::choice, std::string("cas-register"), {"register", "cas-register"}),
       spec("keyed", ParameterType::boolean, false)},
      "model"};
  out.checkers["list-append"] = {"isolation of list-append transactions", {}, ""};
  return out;
}

}  // namespace

const Catalogue& sample_catalogue() {
  static const Catalogue catalogue = make();
  return catalogue;
}

Scratch::Scratch() {
  std::string name = (std::filesystem::temp_directory_path() / "shaketable-plan-XXXXXX").string();
  REQUIRE(mkdtemp(name.data()));
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Scratch::write(const std::string& name, std::string_view text) const {
  const std::filesystem::path path = path_ + "/" + name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path.string();
}

std::string minimal(const std::string& more) {
  return "system: etcd\nworkload: register\n" + more;
}

std::string complaint(std::string_view text, PlanOptions options) {
  if (options.directory.empty()) options.directory = SHAKETABLE_SOURCE_DIR "/tests/orchestrator/plan/data";
  const auto plan = parse_plan(text, "plan.yaml", sample_catalogue(), options);
  if (plan) return "";
  CHECK(plan.error().kind == ErrorKind::bad_input);
  return plan.error().message;
}

Plan plan_of(std::string_view text, PlanOptions options) {
  if (options.directory.empty()) options.directory = SHAKETABLE_SOURCE_DIR "/tests/orchestrator/plan/data";
  auto plan = parse_plan(text, "plan.yaml", sample_catalogue(), options);
  INFO((plan ? std::string() : plan.error().message));
  REQUIRE(plan);
  return std::move(*plan);
}

}  // namespace shaketable
