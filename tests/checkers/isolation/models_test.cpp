#include "checkers/isolation/models.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "checkers/isolation/isolation.h"

namespace shaketable::isolation {
namespace {

using Strings = std::vector<std::string>;

std::size_t prohibited(const std::string& model) {
  const Strings asked = {model};
  Names all = anomalies_prohibited_by(asked);
  // Names that Elle does not have.
  for (const char* ours : {"garbage-read", "cyclic-versions-process", "cyclic-versions-realtime"}) all.erase(ours);
  return all.size();
}

TEST_CASE("the lattice has 36 models under 54 names") {
  CHECK(canonical_models().size() == 36);
  std::vector<std::string_view> names = model_names();
  CHECK(names.size() == 54);
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
  CHECK(consistency_models().size() == 36);
}

TEST_CASE("every implied model and proscribed anomaly is known") {
  for (const std::string_view model : canonical_models()) {
    for (const std::string_view implied : directly_implied(model)) CHECK(canonical_model(implied) == implied);
    for (const std::string_view anomaly : directly_proscribed(model)) CHECK(known_anomaly(anomaly));
    CHECK(canonical_model(friendly_model(model)) == model);
  }
}

TEST_CASE("each level prohibits as many anomalies as Elle's lattice does") {
  CHECK(prohibited("read-uncommitted") == 4);
  CHECK(prohibited("read-committed") == 12);
  CHECK(prohibited("snapshot-isolation") == 24);
  CHECK(prohibited("repeatable-read") == 18);
  CHECK(prohibited("serializable") == 31);
  CHECK(prohibited("strong-session-serializable") == 44);
  CHECK(prohibited("strict-serializable") == 57);
}

TEST_CASE("the weakest models an anomaly rules out") {
  CHECK(ruled_out_by({}).not_models.empty());
  CHECK(ruled_out_by({"G0"}).not_models == Strings{"read-uncommitted"});
  CHECK(ruled_out_by({"G0"}).also_not.size() == 24);
  CHECK(ruled_out_by({"G1a"}).not_models == Strings{"read-committed"});
  CHECK(ruled_out_by({"G-single-item"}).not_models == Strings{"consistent-view", "repeatable-read"});
  CHECK(ruled_out_by({"G-nonadjacent-item"}).not_models == Strings{"repeatable-read", "snapshot-isolation"});
  CHECK(ruled_out_by({"G2-item"}).also_not ==
        Strings{"serializable", "strong-serializable", "strong-session-serializable"});
  CHECK(ruled_out_by({"lost-update"}).not_models == Strings{"cursor-stability", "update-atomic"});
  CHECK(ruled_out_by({"G-single-item-process"}).not_models == Strings{"strong-session-snapshot-isolation"});
  CHECK(ruled_out_by({"G1c-process"}).not_models == Strings{"strong-session-read-committed"});
  CHECK(ruled_out_by({"G2-item-realtime"}).not_models == Strings{"strong-serializable"});
  CHECK(ruled_out_by({"cyclic-versions-realtime"}).not_models == Strings{"strong-snapshot-isolation"});
}

TEST_CASE("an unknown model or anomaly is bad input, with the nearest name") {
  IsolationOptions options;
  options.consistency_models = {"strict-serialisable"};
  const Result<void> model = validate(options);
  REQUIRE_FALSE(model);
  CHECK(model.error().kind == ErrorKind::bad_input);
  CHECK(model.error().message ==
        "unknown consistency model \"strict-serialisable\"; did you mean \"strict-serializable\"?");
  options.consistency_models = {"serializable"};
  options.anomalies = {"G-singel"};
  CHECK(validate(options).error().message == "unknown anomaly \"G-singel\"; did you mean \"G-single\"?");
  options.anomalies = {"G-single"};
  CHECK(validate(options));
}

}  // namespace
}  // namespace shaketable::isolation
