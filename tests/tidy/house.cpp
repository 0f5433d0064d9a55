#include "tests/tidy/house.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace shaketable::tidy {
namespace {

namespace fs = std::filesystem;

const std::string kRoot = SHAKETABLE_SOURCE_DIR;
constexpr std::size_t kWidth = 120;

// The first entry whose folder holds the file counts, so the narrower ones stand first.
struct Step {
  std::string_view folder;
  std::vector<std::string> may;
};
const std::vector<Step>& ladder() {
  static const std::vector<Step> steps{
      {"base/", {"base/"}},
      {"history/", {"base/", "history/"}},
      {"checkers/", {"base/", "history/", "checkers/"}},
      {"cluster/", {"base/", "cluster/"}},
      // The binary on the nodes is small and static: it knows nothing of the controller.
      {"nemesis/agent/", {"base/", "nemesis/agent/"}},
      {"nemesis/", {"base/", "cluster/", "nemesis/"}},
      {"workloads/", {"base/", "history/", "cluster/", "workloads/"}},
      // What a plan says about nodes, systems, their model and generators is data; how they are reached is not the
      // plan's business.
      {"orchestrator/plan/",
       {"base/", "cluster/node_spec.h", "cluster/system_spec.h", "nemesis/system_model.h", "workloads/generator_spec.h",
        "orchestrator/plan/"}},
      // Judging links no SSH, so that every checker can be fuzzed in-process.
      {"orchestrator/judge/", {"base/", "history/", "checkers/", "orchestrator/judge/", "orchestrator/plan/plan.h"}},
      {"orchestrator/", {"base/", "history/", "checkers/", "cluster/", "nemesis/", "workloads/", "orchestrator/"}},
      {"bench/", {"base/", "history/", "checkers/", "cluster/", "nemesis/", "workloads/", "orchestrator/", "bench/"}},
      {"tests/", {"base/", "history/", "checkers/", "cluster/", "nemesis/", "workloads/", "orchestrator/", "tests/"}},
  };
  return steps;
}

// Headers that take a second or more to compile, or that throw: one .cpp each includes them.
constexpr std::string_view kHeavy[] = {"yaml-cpp/", "boost/",    "libssh/",   "CLI/",
                                       "curl/",     "sqlite3.h", "nlohmann/", "simdjson.h"};

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> out;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string finding(const File& file, std::size_t line, std::string_view what) {
  return fmt::format("{}:{}: {}", file.path, line, what);
}

std::string slurp(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// The anchor that GitHub makes of a heading: lower case, blanks to dashes, punctuation left out.
std::string anchor(std::string_view heading) {
  std::string out;
  for (char c : heading) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ')
      out += '-';
    else if (std::isalnum(byte) || c == '-' || c == '_' || byte >= 0x80)
      out += static_cast<char>(byte < 0x80 ? std::tolower(byte) : byte);
  }
  return out;
}

// Line by line, with code blocks blanked: what stands in them is an example.
std::vector<std::string> prose(std::string_view text) {
  std::vector<std::string> out = lines(text);
  bool code = false;
  for (std::string& line : out) {
    const bool fence = line.starts_with("```");
    if (fence || code) line.clear();
    code = code != fence;
  }
  return out;
}

std::set<std::string> anchors(std::string_view text) {
  std::set<std::string> out;
  for (const std::string& line : prose(text)) {
    const std::size_t hashes = line.find_first_not_of('#');
    if (hashes != 0 && hashes != std::string::npos && hashes < 7 && line[hashes] == ' ')
      out.insert(anchor(line.substr(hashes + 1)));
  }
  return out;
}

}  // namespace

std::vector<File> files(const std::vector<std::string>& endings) {
  static const std::vector<std::string> folders{"base",    "history",   "checkers",     "cluster",
                                                "nemesis", "workloads", "orchestrator", "tests",
                                                "bench",   "docs",      "configs",      "scripts"};
  std::vector<File> out;
  const auto take = [&](const fs::path& path) {
    const std::string name = path.filename().string();
    const bool wanted =
        std::any_of(endings.begin(), endings.end(), [&](const std::string& e) { return name.ends_with(e); });
    if (wanted && name.front() != '.') out.push_back({fs::relative(path, kRoot).string(), slurp(path)});
  };
  for (const auto& entry : fs::directory_iterator(kRoot))
    if (entry.is_regular_file()) take(entry.path());
  for (const std::string& folder : folders) {
    if (!fs::exists(kRoot + "/" + folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(kRoot + "/" + folder))
      if (entry.is_regular_file()) take(entry.path());
  }
  std::sort(out.begin(), out.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return out;
}

std::vector<Include> includes(std::string_view text) {
  constexpr std::string_view word = "#include ";
  std::vector<Include> out;
  int number = 0;
  for (const std::string& line : lines(text)) {
    ++number;
    if (!line.starts_with(word) || line.size() <= word.size()) continue;
    const bool angle = line[word.size()] == '<';
    const std::size_t begin = word.size() + 1, end = line.find(angle ? '>' : '"', begin);
    if (end != std::string::npos) out.push_back({number, line.substr(begin, end - begin), angle});
  }
  return out;
}

std::vector<std::string> may_include(std::string_view path) {
  for (const Step& step : ladder())
    if (path.starts_with(step.folder)) return step.may;
  return {};
}

std::vector<std::string> wrong_includes(const File& file) {
  const std::vector<std::string> may = may_include(file.path);
  if (may.empty()) return {finding(file, 1, "no folder of the house holds this file")};
  std::vector<std::string> out;
  for (const Include& include : includes(file.text)) {
    if (include.angle) continue;
    const bool allowed =
        std::any_of(may.begin(), may.end(), [&](const std::string& m) { return include.target.starts_with(m); });
    if (!allowed)
      out.push_back(finding(file, static_cast<std::size_t>(include.line), "may not include " + include.target));
  }
  return out;
}

std::vector<std::string> heavy_headers(const File& file) {
  std::vector<std::string> out;
  for (const Include& include : includes(file.text))
    for (std::string_view heavy : kHeavy)
      if (include.angle && include.target.starts_with(heavy))
        out.push_back(finding(file, static_cast<std::size_t>(include.line), include.target + " belongs in a .cpp"));
  return out;
}

std::vector<std::string> wide_lines(const File& file) {
  std::vector<std::string> out;
  const std::vector<std::string> all = lines(file.text);
  std::string
      raw_end;  // of the raw string that we are in: its lines are another language's, and a break may change them
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string& line = all[i];
    bool raw = !raw_end.empty();
    for (std::size_t at = 0; at != std::string::npos;) {
      if (raw_end.empty()) {
        at = line.find("R\"", at);
        const std::size_t open = at == std::string::npos ? at : line.find('(', at);
        if (open == std::string::npos) break;
        raw_end = ")" + line.substr(at + 2, open - at - 2) + "\"";
        at = open;
        raw = true;
      } else if ((at = line.find(raw_end, at)) != std::string::npos) {
        at += raw_end.size();
        raw_end.clear();
      }
    }
    const auto width = static_cast<std::size_t>(
        std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
    if (width > kWidth && !raw)
      out.push_back(finding(file, i + 1, fmt::format("{} characters, more than {}", width, kWidth)));
  }
  return out;
}

std::vector<std::string> leftovers(const File& file) {
  static const std::vector<std::string> words{std::string("TO") + "DO", std::string("FIX") + "ME",
                                              std::string("XX") + "X:"};
  std::vector<std::string> out;
  const std::vector<std::string> all = lines(file.text);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const std::string& word : words)
      if (all[i].find(word) != std::string::npos) out.push_back(finding(file, i + 1, "a leftover: " + word));
  return out;
}

std::vector<std::string> broken_links(const File& file) {
  std::vector<std::string> out;
  const std::vector<std::string> all = prose(file.text);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t at = 0; (at = all[i].find("](", at)) != std::string::npos;) {
      at += 2;
      const std::string link = all[i].substr(at, all[i].find_first_of(") ", at) - at);
      if (link.find("://") != std::string::npos || link.starts_with("mailto:")) continue;
      const std::size_t hash = link.find('#');
      const std::string target = link.substr(0, hash);
      const fs::path path =
          target.empty() ? fs::path(kRoot) / file.path : (fs::path(kRoot) / file.path).parent_path() / target;
      if (!target.empty() && !fs::exists(path)) {
        out.push_back(finding(file, i + 1, "a link to " + target + ", which is not there"));
      } else if (hash != std::string::npos && path.extension() == ".md") {
        const std::string text = target.empty() ? file.text : slurp(path);
        if (!anchors(text).count(link.substr(hash + 1)))
          out.push_back(finding(file, i + 1, "a link to a heading that is not there: " + link));
      }
    }
  return out;
}

std::vector<std::string> absent_documents(const File& file) {
  constexpr std::string_view fine = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  std::vector<std::string> out;
  const std::vector<std::string> all = lines(file.text);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t at = 0; (at = all[i].find("docs/", at)) != std::string::npos;) {
      const std::size_t begin = at;
      at += 5;
      const std::size_t end = all[i].find_first_not_of(fine, at);
      if (end == std::string::npos || end == at || all[i].compare(end, 3, ".md") != 0) continue;
      const std::string path = all[i].substr(begin, end + 3 - begin);
      if (!fs::exists(kRoot + "/" + path)) out.push_back(finding(file, i + 1, path + " is not there"));
    }
  return out;
}

}  // namespace shaketable::tidy
