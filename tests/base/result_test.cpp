#include "base/result.h"

#include <catch2/catch.hpp>

#include "base/parameters.h"

namespace shaketable {
namespace {

TEST_CASE("an error gains places on its way up") {
  const Error error{ErrorKind::infrastructure, "connection refused"};
  CHECK(error.in("node n1").message == "node n1: connection refused");
  CHECK(error.message == "connection refused");
  CHECK(Error(error).in("port 22").in("node n1").message == "node n1: port 22: connection refused");
  CHECK(error.in("x").kind == ErrorKind::infrastructure);
}

TEST_CASE("failures have their kind") {
  const Result<int> bad = bad_input("no such plan");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().kind == ErrorKind::bad_input);
  const Result<void> broken = infrastructure("no such node");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().kind == ErrorKind::infrastructure);
}

TEST_CASE("parameters start as their fallbacks, but for required ones") {
  std::vector<ParameterSpec> specs(2);
  specs[0].name = "rate";
  specs[0].type = ParameterType::number;
  specs[0].value = 10.0;
  specs[1].name = "target";
  specs[1].required = true;
  Parameters parameters(specs);
  CHECK(parameters.number("rate") == 10.0);
  CHECK_FALSE(parameters.has("target"));
  parameters.set("target", std::string("n1"));
  parameters.set("rate", 2.5);
  CHECK(parameters.text("target") == "n1");
  CHECK(parameters.number("rate") == 2.5);
}

}  // namespace
}  // namespace shaketable
