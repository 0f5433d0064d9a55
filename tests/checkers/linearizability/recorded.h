#pragma once
// A history as the searches take it.

#include <catch2/catch.hpp>
#include <memory>
#include <optional>

#include "checkers/linearizability/recorder.h"

namespace shaketable {

struct Recorded {
  std::unique_ptr<const linearizability::Model> model;
  std::optional<linearizability::Recorder> recorder;
  linearizability::Problem* problem = nullptr;

  Recorded(const History& history, const LinearizableOptions& options) {
    for (const linearizability::ModelEntry& entry : linearizability::models())
      if (entry.info.name == options.model) model = entry.make(options);
    recorder.emplace(*model, false);
    for (const Operation& operation : history.operations) REQUIRE(recorder->take(Operation(operation)));
    REQUIRE(recorder->finish());
    problem = &recorder->problems().front();
    problem->initial = *model->initial(options.initial, recorder->values());
  }
};

}  // namespace shaketable
