#include "orchestrator/run_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "history/run_file.h"
#include "orchestrator/report/page/page.h"

namespace shaketable {
namespace fs = std::filesystem;

Result<std::string> make_run_folder(std::string_view results, std::string_view plan_name, std::string_view out) {
  std::error_code problem;
  if (!out.empty()) {
    const fs::path folder(out);
    if (fs::exists(folder / "history.db"))
      return bad_input(fmt::format("{} holds a run already; name another folder with --out", folder.string()));
    fs::create_directories(folder, problem);
    if (problem) return infrastructure(fmt::format("{} cannot be made: {}", folder.string(), problem.message()));
    return folder.string();
  }
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
  fs::create_directories(results, problem);
  if (problem) return infrastructure(fmt::format("{} cannot be made: {}", results, problem.message()));
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string name =
        attempt == 0 ? fmt::format("{}-{}", plan_name, stamp) : fmt::format("{}-{}-{}", plan_name, stamp, attempt);
    const fs::path folder = fs::path(results) / name;
    if (!fs::create_directory(folder, problem)) {
      if (problem) return infrastructure(fmt::format("{} cannot be made: {}", folder.string(), problem.message()));
      continue;  // two runs of one plan in one second
    }
    // A link made aside and renamed: readers of `latest` see the old run or the new, never nothing.
    const fs::path link = fs::path(results) / "latest", fresh = fs::path(results) / (".latest-" + name);
    fs::create_symlink(name, fresh, problem);
    if (!problem) fs::rename(fresh, link, problem);
    return folder.string();
  }
  return infrastructure(fmt::format("no free folder name for the run below {}", results));
}

Result<void> write_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    if (!file)
      return infrastructure(fmt::format("{} cannot be written: {}", path, std::generic_category().message(errno)));
  }
  std::error_code problem;
  fs::rename(temporary, path, problem);
  if (problem) return infrastructure(fmt::format("{} cannot be written: {}", path, problem.message()));
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return bad_input(fmt::format("{} cannot be read: {}", path, std::generic_category().message(errno)));
  std::ostringstream content;
  content << file.rdbuf();
  return std::move(content).str();
}

Result<std::string> write_report(const std::string& folder, const Outcome& outcome) {
  const auto file = open_run(folder);
  if (!file) return Failure(file.error());
  const auto page = report_page(*file, outcome);
  if (!page) return Failure(page.error());
  std::string path = folder + "/report.html";
  if (const auto written = write_file(path, *page); !written) return Failure(written.error());
  return path;
}

}  // namespace shaketable
