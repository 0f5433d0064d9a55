// Plans of the track record say what they expect, and recorded histories of its findings are judged as they were.

#include <catch2/catch.hpp>
#include <regex>
#include <set>

#include "history/text.h"
#include "tests/orchestrator/program.h"

using namespace shaketable;
using namespace shaketable::testing;

namespace {

namespace fs = std::filesystem;
const std::string kPlans = SHAKETABLE_SOURCE_DIR "/configs/track-record";
const std::string kHistories = SHAKETABLE_SOURCE_DIR "/tests/histories";

struct Known {
  std::string file, anomaly;
  int exit_code = -1;
  std::vector<std::string> arguments;
};

std::vector<Known> known_histories() {
  std::vector<Known> out;
  std::istringstream lines(content_of(kHistories + "/known.txt"));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream words(line);
    Known& known = out.emplace_back();
    words >> known.file >> known.exit_code >> known.anomaly;
    for (std::string word; words >> word;) known.arguments.push_back(word);
  }
  return out;
}

}  // namespace

TEST_CASE("every plan of the track record is good and says what it expects and by whose word") {
  std::vector<std::string> arguments{"validate"};
  for (const auto& file : fs::directory_iterator(kPlans)) {
    REQUIRE(file.path().extension() == ".yaml");
    arguments.push_back(file.path().string());
    const std::string text = content_of(file.path().string());
    INFO(file.path().filename().string());
    static const std::regex expectation("(^|\\n)# expect: (valid|(violation|maybe) [a-z0-9A-Z, -]+)\\n");
    static const std::regex source("(^|\\n)# source: \\S.*\\n");
    CHECK(std::regex_search(text, expectation));
    CHECK(std::regex_search(text, source));
    CHECK(text.find("\nname: " + file.path().stem().string() + "\n") != std::string::npos);
    CHECK(text.find("\nabout: ") != std::string::npos);
  }
  REQUIRE(arguments.size() > 1);
  const Said said = run_shaketable(arguments);
  CHECK(said.err == "");
  CHECK(said.exit_code == 0);
}

TEST_CASE("every recorded history of the track record is judged as it is known") {
  std::set<std::string> judged;
  for (const Known& known : known_histories()) {
    judged.insert(known.file);
    std::vector<std::string> arguments{"check", kHistories + "/" + known.file, "--json"};
    arguments.insert(arguments.end(), known.arguments.begin(), known.arguments.end());
    const Said said = run_shaketable(arguments);
    INFO(known.file << ": " << said.out.substr(0, 500) << said.err);
    CHECK(said.exit_code == known.exit_code);
    const auto verdict = parse_json(said.out);
    REQUIRE(verdict);
    const Value* anomalies = verdict->find("anomalies");
    REQUIRE(anomalies);
    if (known.anomaly != "-") CHECK(anomalies->find(known.anomaly));
  }
  for (const auto& file : fs::directory_iterator(kHistories)) {
    INFO(file.path().filename().string() << " is in no line of known.txt");
    CHECK((file.path().filename() == "known.txt" || judged.count(file.path().filename().string()) == 1));
  }
}
