#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/log.h"
#include "base/text.h"
#include "cluster/system.h"
#include "cluster/system_scripts.h"

namespace shaketable {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilesPerNodeMax = 100;

// Its base name; the whole path with dashes where two of a node's files have the same one. Never a way out of the
// folder.
std::vector<std::string> local_names(const std::vector<std::string>& paths) {
  std::multiset<std::string> bases;
  for (const std::string& path : paths) bases.insert(fs::path(path).filename().string());
  std::vector<std::string> out;
  for (const std::string& path : paths) {
    std::string name = fs::path(path).filename().string();
    if (bases.count(name) > 1 || name.empty() || name == "." || name == "..") {
      name = path.substr(path.find_first_not_of('/') == std::string::npos ? path.size() : path.find_first_not_of('/'));
      std::replace(name.begin(), name.end(), '/', '-');
    }
    out.push_back(name.empty() || name == "." || name == ".." ? "log" : name);
  }
  return out;
}

bool write(const fs::path& path, const std::string& content) {
  std::ofstream out(path, std::ios::binary);
  out << content;
  return static_cast<bool>(out.flush());
}

}  // namespace

std::vector<std::string> System::collect_logs(const std::string& directory, std::size_t limit_bytes_per_file) {
  std::vector<std::string> missing;
  std::vector<std::string> globs = spec_.logs;
  if (globs.empty() && !spec_.log.empty()) globs = {"{{log}}"};
  if (globs.empty()) return {};
  const auto nodes = cluster_.all();

  std::vector<std::future<CommandOutcome>> listings;
  std::vector<std::string> looked_for;
  for (Node* node : nodes) {
    std::vector<std::string> filled;
    for (const std::string& glob : globs)
      if (auto text = fill(*node, glob))
        filled.push_back(*text);
      else
        missing.push_back(text.error().message);
    Command command;
    looked_for.push_back(join(filled, " "));
    command.script = system_scripts::list_files(filled);
    command.timeout = std::chrono::seconds(10);
    listings.push_back(node->run(command));
  }
  std::vector<std::vector<std::string>> paths(nodes.size()), names(nodes.size());
  std::size_t most = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const CommandOutcome outcome = listings[i].get();
    if (!outcome.succeeded()) {
      missing.push_back(fmt::format("node {}: no logs: {}", nodes[i]->name(), outcome.describe()));
      continue;
    }
    std::istringstream lines(outcome.out);
    for (std::string line; std::getline(lines, line);) paths[i].push_back(line);
    if (paths[i].empty())
      missing.push_back(fmt::format("node {}: no file matches {}", nodes[i]->name(), looked_for[i]));
    if (paths[i].size() > kFilesPerNodeMax) {
      missing.push_back(fmt::format("node {}: {} log files; the first {} are copied", nodes[i]->name(), paths[i].size(),
                                    kFilesPerNodeMax));
      paths[i].resize(kFilesPerNodeMax);
    }
    names[i] = local_names(paths[i]);
    most = std::max(most, paths[i].size());
    std::error_code error;
    fs::create_directories(fs::path(directory) / nodes[i]->name(), error);
    if (error) missing.push_back(fmt::format("{}/{}: {}", directory, nodes[i]->name(), error.message()));
  }
  // One file of every node at a time bounds the memory.
  for (std::size_t k = 0; k < most; ++k) {
    std::vector<std::pair<std::size_t, std::future<Result<std::string>>>> downloads;
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (k < paths[i].size()) downloads.emplace_back(i, nodes[i]->download(paths[i][k], limit_bytes_per_file));
    for (auto& [i, download] : downloads) {
      const auto content = download.get();
      const fs::path target = fs::path(directory) / nodes[i]->name() / names[i][k];
      if (!content)
        missing.push_back(fmt::format("node {}: {}", nodes[i]->name(), content.error().message));
      else if (!write(target, log::redact(*content)))
        missing.push_back(fmt::format("{}: cannot be written", target.string()));
    }
  }
  return missing;
}

}  // namespace shaketable
