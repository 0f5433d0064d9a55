// The rules themselves, on texts that break them: a rule that finds nothing anywhere would pass every tree.

#include <catch2/catch.hpp>

#include "tests/tidy/house.h"

namespace shaketable::tidy {
namespace {

using Findings = std::vector<std::string>;

TEST_CASE("an include up the ladder is found") {
  CHECK(wrong_includes(
            {"checkers/x.cpp", "#include <vector>\n#include \"base/clock.h\"\n#include \"cluster/node.h\"\n"}) ==
        Findings{"checkers/x.cpp:3: may not include cluster/node.h"});
  CHECK(wrong_includes({"nemesis/agent/x.cpp", "#include \"cluster/node.h\"\n"}).size() == 1);
  CHECK(
      wrong_includes({"orchestrator/plan/x.cpp", "#include \"cluster/node_spec.h\"\n#include \"cluster/node.h\"\n"}) ==
      Findings{"orchestrator/plan/x.cpp:2: may not include cluster/node.h"});
  CHECK(wrong_includes({"orchestrator/run.cpp", "#include \"nemesis/x.h\"\n"}).empty());
  CHECK(wrong_includes({"utils/x.cpp", ""}) == Findings{"utils/x.cpp:1: no folder of the house holds this file"});
}

TEST_CASE("a heavy header in a header is found") {
  CHECK(heavy_headers({"cluster/x.h", "#include <string>\n#include <boost/process.hpp>\n"}) ==
        Findings{"cluster/x.h:2: boost/process.hpp belongs in a .cpp"});
}

TEST_CASE("wide lines count characters, not bytes") {
  std::string umlauts;
  for (int i = 0; i < 120; ++i) umlauts += "ü";
  CHECK(wide_lines({"a.cpp", umlauts + "\n"}).empty());
  CHECK(wide_lines({"a.cpp", "x\n" + umlauts + "!\n"}) == Findings{"a.cpp:2: 121 characters, more than 120"});
}

TEST_CASE("the lines of a raw string may be wide, the next line may not") {
  const std::string wide(130, 'x');
  CHECK(wide_lines({"a.cpp", "f(R\"(\n" + wide + "\n)\");\n" + wide + "\n"}) ==
        Findings{"a.cpp:4: 130 characters, more than 120"});
  CHECK(wide_lines({"a.cpp", "f(R\"x(a)x\");\n" + wide + "\n"}).size() == 1);
}

TEST_CASE("leftovers are found") {
  CHECK(leftovers({"a.cpp", std::string("int x;  // TO") + "DO: think\n"}).size() == 1);
}

TEST_CASE("broken links are found, in prose only") {
  CHECK(broken_links({"docs/x.md", "# A b, `c`!\n[good](#a-b-c) [good](plans.md#keys) [far](https://example.org/x)\n"})
            .empty());
  CHECK(broken_links(
            {"docs/x.md", "[a](nowhere.md)\n```\n[b](nowhere.md)\n```\n[c](#nothing) [d](plans.md#nothing)\n"}) ==
        Findings{"docs/x.md:1: a link to nowhere.md, which is not there",
                 "docs/x.md:5: a link to a heading that is not there: #nothing",
                 "docs/x.md:5: a link to a heading that is not there: plans.md#nothing"});
  CHECK(absent_documents({"a.h",
                          "// docs/plans.md and docs/nowhere"
                          ".md\n"}) == Findings{"a.h:1: docs/nowhere"
                                                ".md is not there"});
}

}  // namespace
}  // namespace shaketable::tidy
