#include "orchestrator/run_folder.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

using namespace shaketable;
namespace fs = std::filesystem;

namespace {

struct Scratch {
  fs::path path = fs::temp_directory_path() / ("shaketable-run-folder-" + std::to_string(getpid()));
  Scratch() { fs::create_directories(path); }
  ~Scratch() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("run folder: two runs of one plan in one second get folders of their own, and latest is the newer") {
  Scratch scratch;
  const std::string results = scratch.path / "results";
  const auto first = make_run_folder(results, "quick", ""), second = make_run_folder(results, "quick", "");
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first != *second);
  CHECK(fs::equivalent(results + "/latest", *second));
}

TEST_CASE("run folder: a folder that holds a run is not written over") {
  Scratch scratch;
  const std::string out = scratch.path / "mine";
  REQUIRE(make_run_folder("results", "quick", out).value() == out);
  REQUIRE(write_file(out + "/history.db", "x"));
  const auto again = make_run_folder("results", "quick", out);
  REQUIRE_FALSE(again);
  CHECK(again.error().kind == ErrorKind::bad_input);
  CHECK(again.error().message == out + " holds a run already; name another folder with --out");
}

TEST_CASE("run folder: a place that cannot be written says so") {
  const auto made = make_run_folder("/proc/results", "quick", "");
  REQUIRE_FALSE(made);
  CHECK(made.error().message.starts_with("/proc/results cannot be made: "));
  CHECK_FALSE(write_file("/proc/nothing/here", "x"));
  CHECK_FALSE(read_file("/nowhere/at/all"));
}
