#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "tests/orchestrator/plan/sample.h"

namespace shaketable {
namespace {

// Every plan and system of the house, and one plan that uses each part of the language.
std::vector<std::string> seeds() {
  std::vector<std::string> texts{
      "a: &x [1, {k: 'v'}]\nb: *x\nc: |\n  two\n  lines\nd: >-\n  folded\ne: \"\\u00e9\\n\"\n? f\n: g\n",
      "system: etcd\nclient: {name: etcd, password: {env: HOME}, timeout: 1s}\nworkload: {name: register, mix: {read: "
      "1}}\n"
      "cluster: {manage: none, ssh: {config: none}, nodes: [a, {name: b, host: 10.0.0.1, client: 'http://b:1'}]}\n"
      "faults: {schedule: timeline, events: [{at: 1s, for: 2s, partition: halves}]}\nsafety: {lease: 2s}\n"
      "check: {timeout: 1s, checkers: [linearizable]}\n"};
  for (const auto& file : std::filesystem::recursive_directory_iterator(SHAKETABLE_SOURCE_DIR "/configs")) {
    if (file.path().extension() != ".yaml") continue;
    // The clients of these are not in the sample catalogue: no edit of them would ever be taken.
    if (file.path().parent_path().filename() == "track-record") continue;
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    texts.push_back(text.str());
  }
  return texts;
}

std::string mutated(std::string text, Random& random) {
  // What the grammar is made of, so that edits reach further than the first syntax error.
  static const std::vector<std::string> pieces{
      ":",  ": ",   "\n",   "\n  ", "- ",  "[",  "]",    "{",    "}",    ",",        "#", "&a ", "*a",
      "\"", "'",    "|",    ">",    "---", "\t", "? ",   "!!",   "%",    "<<",       "~", "\\",  std::string(1, '\0'),
      "\r", "\xff", "\xc3", "é",    "10",  "5s", "1GiB", "true", "null", "name: x\n"};
  const auto edits = 1 + random.below(6);
  for (std::uint64_t i = 0; i < edits; ++i) {
    const std::size_t at = text.empty() ? 0 : random.below(text.size());
    switch (random.below(5)) {
      case 0:
        text.insert(at, pieces[random.below(pieces.size())]);
        break;
      case 1:
        text.erase(at, 1 + random.below(8));
        break;
      case 2:
        if (!text.empty()) text[at] = static_cast<char>(random.below(256));
        break;
      case 3:
        text.resize(at);
        break;
      case 4:
        text.insert(at, text.substr(random.below(text.size() + 1), random.below(60)));
        break;
    }
  }
  return text;
}

TEST_CASE("no edit of a plan crashes the reader, and each refusal says where") {
  const std::vector<std::string> texts = seeds();
  Random random(20240811);
  const Scratch scratch;
  PlanOptions options;
  options.directory = SHAKETABLE_SOURCE_DIR "/tests/orchestrator/plan/data";
  std::size_t refused = 0, taken = 0;
  for (int round = 0; round < 6000; ++round) {
    const std::string text = mutated(texts[random.below(texts.size())], random);
    INFO(text);
    const auto plan = parse_plan(text, "plan.yaml", sample_catalogue(), options);
    if (plan) {
      ++taken;
      CHECK(plan->text == text);
    } else {
      ++refused;
      REQUIRE(plan.error().kind == ErrorKind::bad_input);
      REQUIRE_FALSE(plan.error().message.empty());
      REQUIRE(plan.error().message.back() != '\n');
    }
    if (round % 10 == 0) {
      const auto system = read_system(scratch.write("s.yaml", text));
      if (!system) REQUIRE(system.error().message.find(scratch.path() + "/s.yaml:") == 0);
    }
  }
  // Edits in comments and texts are harmless, most others are not: a test that sees only one side tests nothing.
  CHECK(refused > 1000);
  CHECK(taken > 50);
}

TEST_CASE("random bytes are refused") {
  Random random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random.below(200), ' ');
    for (char& c : text) c = static_cast<char>(random.below(round % 2 ? 256 : 128));
    INFO(text);
    REQUIRE_FALSE(parse_plan(text, "plan.yaml", sample_catalogue()));
  }
}

}  // namespace
}  // namespace shaketable
