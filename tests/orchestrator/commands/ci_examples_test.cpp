// docs/ci.md is copied into people's pipelines: its YAML parses, and its commands have the options they use.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>

#include "tests/orchestrator/program.h"

using namespace shaketable::testing;

namespace {

std::map<std::string, std::string> blocks() {
  std::istringstream in(content_of(SHAKETABLE_SOURCE_DIR "/docs/ci.md"));
  std::map<std::string, std::string> out;
  std::string inside;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```"))
      inside = inside.empty() ? line.substr(3) : "";
    else if (!inside.empty())
      out[inside] += line + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("docs: the pipelines of ci.md parse and do what they should at their ends") {
  const auto found = blocks();
  const YAML::Node github = YAML::Load(found.at("yaml github"));
  bool heals = false;
  for (const YAML::Node& step : github["jobs"]["shake"]["steps"])
    if (step["run"] && step["run"].as<std::string>().find("shaketable heal") != std::string::npos)
      heals = step["if"].as<std::string>() == "always()";
  CHECK(heals);
  CHECK(github["concurrency"]["cancel-in-progress"].as<std::string>() == "false");
  const YAML::Node gitlab = YAML::Load(found.at("yaml gitlab"));
  CHECK(gitlab["shake"]["after_script"][0].as<std::string>().find("shaketable heal") != std::string::npos);
  CHECK(gitlab["shake"]["artifacts"]["reports"]["junit"].as<std::string>() == "junit.xml");
}

TEST_CASE("docs: the commands of ci.md have the options they use") {
  std::istringstream words(content_of(SHAKETABLE_SOURCE_DIR "/docs/ci.md"));
  int seen = 0;
  for (std::string line; std::getline(words, line);) {
    const auto at = line.find("shaketable run ");
    if (at == std::string::npos) continue;
    std::istringstream rest(line.substr(at));
    const std::string help = run_shaketable({"run", "--help"}).out;
    for (std::string word; rest >> word;) {
      word.resize(std::min(word.find_first_of("`.,;"), word.size()));
      if (!word.starts_with("--")) continue;
      INFO(line);
      CHECK(help.find(word) != std::string::npos);
      ++seen;
    }
  }
  CHECK(seen >= 6);
}
