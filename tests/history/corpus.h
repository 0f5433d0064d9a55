#pragma once
// Where the histories with known verdicts lie, and what to do where they do not.

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace shaketable {

// $SHAKETABLE_CORPUS, else ../shared/corpus beside the checkout. Empty, with the reason printed, if there is none; with
// CI set that is a failure.
inline std::filesystem::path corpus_folder() {
  const char* named = std::getenv("SHAKETABLE_CORPUS");
  std::filesystem::path folder =
      named != nullptr ? named : std::filesystem::path(SHAKETABLE_SOURCE_DIR) / ".." / "shared" / "corpus";
  if (std::filesystem::is_directory(folder)) return folder;
  const std::string reason = "there is no corpus at " + folder.string() + " (set SHAKETABLE_CORPUS)";
  if (std::getenv("CI") != nullptr) FAIL(reason);
  WARN("skipped: " << reason);
  return {};
}

}  // namespace shaketable
