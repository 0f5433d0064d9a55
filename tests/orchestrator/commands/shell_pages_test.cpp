// Completion and man page are made from the command line, and the package holds what it should.
#include <catch2/catch.hpp>

#include "tests/orchestrator/program.h"

using namespace shaketable::testing;

namespace {

// What bash offers after the words; the last one is being typed.
std::string offered(const std::string& completion, const std::string& words) {
  shaketable::LocalProcessSpec spec;
  spec.arguments = {"bash",
                    "-c",
                    "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _shaketable; "
                    "printf ' %s ' \"${COMPREPLY[@]}\"",
                    "bash",
                    completion,
                    "shaketable"};
  std::istringstream each(words);
  for (std::string word; each >> word;) spec.arguments.push_back(word == "_" ? "" : word);
  auto process = shaketable::LocalProcess::start(spec);
  REQUIRE(process);
  const auto line = (*process)->read_line(std::chrono::seconds(20));
  REQUIRE(line);
  return *line;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("completion: commands and options and choices are offered where they may stand") {
  Scratch scratch;
  const std::string completion = scratch / "completion";
  const Said said = run_shaketable({"completion", "bash"});
  REQUIRE(said.exit_code == 0);
  std::ofstream(completion) << said.out;
  CHECK(offered(completion, "ru") == " run  runs ");
  CHECK(contains(offered(completion, "run --s"), " --seed "));
  CHECK(contains(offered(completion, "lab _"), " status "));
  CHECK(contains(offered(completion, "lab up --k"), " --kernel "));
  CHECK(offered(completion, "lab up --kernel u") == " uml ");
  CHECK(contains(offered(completion, "list f"), " faults "));
  CHECK(contains(offered(completion, "run " SHAKETABLE_SOURCE_DIR "/configs/quick"), "configs/quickstart.yaml"));
  const Said zsh = run_shaketable({"completion", "zsh"});
  CHECK(zsh.out.starts_with("#compdef shaketable\n"));
  CHECK(run_shaketable({"completion", "tcsh"}).exit_code == 3);
}

TEST_CASE("man page: every command of the help is in it") {
  const std::string page = run_shaketable({"man"}).out;
  CHECK(page.starts_with(".TH SHAKETABLE 1 "));
  std::istringstream help(run_shaketable({"--help"}).out);
  bool commands = false;
  int seen = 0;
  for (std::string line; std::getline(help, line);) {
    if (line.starts_with("Subcommands:")) commands = true;
    if (!commands || !line.starts_with("  ") || line[2] == ' ') continue;
    const std::string name = line.substr(2, line.find(' ', 2) - 2);
    INFO(name);
    CHECK(contains(page, ".SS " + name));
    ++seen;
  }
  CHECK(seen > 10);
  CHECK(contains(page, ".B 5\na node could not be proved clean"));
}
