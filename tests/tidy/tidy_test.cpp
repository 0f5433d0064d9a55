// The rules of the house (docs/architecture.md), kept by the whole tree.

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "tests/tidy/house.h"

namespace shaketable::tidy {
namespace {

template <class Rule>
std::string all_findings(const std::vector<File>& files, Rule rule) {
  std::string out;
  for (const File& file : files)
    for (const std::string& finding : rule(file)) out += finding + "\n";
  return out;
}

const File* find(const std::vector<File>& files, const std::string& path) {
  for (const File& file : files)
    if (file.path == path) return &file;
  return nullptr;
}

TEST_CASE("includes go down the ladder only") {
  const std::vector<File> sources = files({".h", ".cpp"});
  REQUIRE(sources.size() > 50);
  CHECK(all_findings(sources, wrong_includes) == "");
}

TEST_CASE("heavy headers stay in one .cpp") {
  CHECK(all_findings(files({".h"}), heavy_headers) == "");
}

TEST_CASE("lines are at most 120 characters wide") {
  CHECK(all_findings(files({".h", ".cpp", ".yaml", ".cmake", "CMakeLists.txt"}), wide_lines) == "");
}

TEST_CASE("names of test cases are passed on whole") {
  // CMake splits a list at a semicolon, and ctest then asks for a case that there is not: nothing runs, and it passes.
  const auto split_names = [](const File& file) {
    std::vector<std::string> found;
    const std::string begin = "TEST_CASE(\"";
    for (std::size_t at = 0; (at = file.text.find(begin, at)) != std::string::npos; ++at) {
      const std::string name =
          file.text.substr(at + begin.size(), file.text.find('"', at + begin.size()) - at - begin.size());
      if (name.find_first_of(";[]\\") != std::string::npos) found.push_back(file.path + ": " + name);
    }
    return found;
  };
  CHECK(all_findings(files({".cpp"}), split_names) == "");
}

TEST_CASE("nothing is left for later") {
  CHECK(all_findings(files({".h", ".cpp", ".yaml", ".cmake", "CMakeLists.txt", ".md"}), leftovers) == "");
}

TEST_CASE("documents link to what is there") {
  CHECK(all_findings(files({".md"}), broken_links) == "");
  CHECK(all_findings(files({".h", ".cpp", ".yaml", ".md"}), [](const File& file) {
          // Its texts speak of documents that are not there on purpose.
          return file.path == "tests/tidy/rules_test.cpp" ? std::vector<std::string>() : absent_documents(file);
        }) == "");
}

TEST_CASE("files are short enough to be read at once") {
  constexpr std::ptrdiff_t kLines = 800;
  // Longer ones, each with its reason.
  static const std::map<std::string, std::string> exceptions{};
  std::string found;
  const std::vector<File> sources = files({".h", ".cpp"});
  for (const File& file : sources) {
    const std::ptrdiff_t count = std::count(file.text.begin(), file.text.end(), '\n');
    if (count > kLines && !exceptions.count(file.path)) found += file.path + ": " + std::to_string(count) + " lines\n";
  }
  CHECK(found == "");
  for (const auto& [path, reason] : exceptions) CHECK(find(sources, path));
}

TEST_CASE("every header guards itself and is included by somebody else") {
  const std::vector<File> sources = files({".h", ".cpp"});
  std::map<std::string, std::set<std::string>> included_by;
  for (const File& file : sources)
    for (const Include& include : includes(file.text))
      if (!include.angle) included_by[include.target].insert(file.path);
  std::string found;
  for (const File& file : sources) {
    if (!file.path.ends_with(".h")) continue;
    if (!file.text.starts_with("#pragma once\n")) found += file.path + ": does not begin with #pragma once\n";
    std::set<std::string> others = included_by[file.path];
    others.erase(file.path.substr(0, file.path.size() - 2) + ".cpp");
    if (others.empty()) found += file.path + ": nobody but its own .cpp includes it\n";
  }
  for (const auto& [target, by] : included_by)
    if (!find(sources, target)) found += *by.begin() + ": includes " + target + ", which is not there\n";
  CHECK(found == "");
}

TEST_CASE("every test folder is built and run") {
  const std::vector<File> all = files({".cpp", "CMakeLists.txt"});
  const File* lists = find(all, "tests/CMakeLists.txt");
  REQUIRE(lists);
  const File* root = find(all, "CMakeLists.txt");
  REQUIRE(root);
  std::string found;
  for (const File& file : all) {
    if (!file.path.starts_with("tests/") || !file.path.ends_with(".cpp") || file.path == "tests/catch_main.cpp")
      continue;
    const std::string folder = file.path.substr(6, file.path.rfind('/') - 6);
    if (lists->text.find("shaketable_test(" + folder + " ") == std::string::npos &&
        root->text.find("add_subdirectory(tests/" + folder + ")") == std::string::npos)
      found += file.path + ": neither tests/CMakeLists.txt nor the root's names " + folder + "\n";
  }
  CHECK(found == "");
}

TEST_CASE("every plan and system stands where a test reads it") {
  // tests/orchestrator/configs_test.cpp reads configs/*.yaml as plans and configs/systems/*.yaml as systems,
  // commands/track_record_test.cpp configs/track-record/*.yaml, campaign/campaign_test.cpp configs/campaigns/*.yaml.
  std::string found;
  for (const File& file : files({".yaml", ".yml"})) {
    if (!file.path.starts_with("configs/")) continue;
    const std::string folder = file.path.substr(0, file.path.rfind('/'));
    const bool read = folder == "configs" || folder == "configs/systems" || folder == "configs/track-record" ||
                      folder == "configs/campaigns";
    if (!read || file.path.ends_with(".yml")) found += file.path + "\n";
  }
  CHECK(found == "");
}

}  // namespace
}  // namespace shaketable::tidy
