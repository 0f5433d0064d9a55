#pragma once
// The lattice of consistency models as data, after Adya (1999), Cerone et al. (CONCUR 2015), Viotti & Vukolić (2016)
// and Elle's consistency_model. A model implies weaker ones and proscribes anomalies; an anomaly implies weaker
// anomalies.

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shaketable::isolation {

using Names = std::set<std::string, std::less<>>;

// "strict-serializable" -> "PL-SS"; a canonical name is its own. Empty if unknown.
std::string_view canonical_model(std::string_view name);
// "PL-SS" -> "strong-serializable": how verdicts print a model.
std::string_view friendly_model(std::string_view canonical);
// Every accepted name of a model, canonical ones included.
std::vector<std::string_view> model_names();
std::vector<std::string_view> canonical_models();
std::span<const std::string_view> directly_implied(std::string_view canonical);
std::span<const std::string_view> directly_proscribed(std::string_view canonical);
std::vector<std::string_view> other_names(std::string_view canonical);

std::vector<std::string_view> anomaly_names();

// The anomaly itself and all it implies ("G0": G0, G1c, G1, G0-process, ...).
const Names& implied_anomalies(std::string_view anomaly);

// Everything that some implied model proscribes, and every anomaly that implies such a one, by canonical name.
Names anomalies_prohibited_by(std::span<const std::string> models);
// The named anomalies and all that imply them.
Names anomalies_implying(std::span<const std::string> anomalies);

// Every model that implies this one, by friendly name, itself left out.
std::vector<std::string> models_implying(std::string_view canonical);

struct Boundary {
  std::vector<std::string> not_models;  // the weakest models ruled out, friendly names, sorted
  std::vector<std::string> also_not;    // the stronger ones
};
Boundary ruled_out_by(const Names& anomalies);

// bad_input with the nearest name.
Result<void> known_model(std::string_view name);
Result<void> known_anomaly(std::string_view name);

}  // namespace shaketable::isolation
