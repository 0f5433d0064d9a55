#include "history/temporary_copy.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;

namespace shaketable {

Result<TemporaryCopy> TemporaryCopy::make(const std::string& database) {
  std::string folder = (fs::temp_directory_path() / "shaketable-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return infrastructure(fmt::format("{}: {}", folder, std::strerror(errno)));
  TemporaryCopy copy(folder);
  std::error_code problem;
  fs::copy_file(database, copy.path(), problem);
  if (problem) return infrastructure(fmt::format("{}: cannot be copied: {}", database, problem.message()));
  if (fs::exists(database + "-wal")) fs::copy_file(database + "-wal", copy.path() + "-wal", problem);
  if (problem) return infrastructure(fmt::format("{}-wal: cannot be copied: {}", database, problem.message()));
  return copy;
}

TemporaryCopy::~TemporaryCopy() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace shaketable
