#pragma once
// Verdicts for people (text) and for programs (the JSON of DESIGN: schema 1).

#include <string>
#include <vector>

#include "orchestrator/judge/judge.h"

namespace shaketable {

// One judgement as `check --json` prints it, a map; several stand under "checkers".
Value judgement_json(const Judgement& judgement);

// One line: "linearizable: valid (1,234 operations, 0.05 s)"; an invalid or unknown one with its reason.
std::string judgement_line(const Judgement& judgement);
// The line, and below it what was found and the explanation; ends with a newline.
std::string judgement_text(const Judgement& judgement);

// Validity as JSON: true, false, "unknown".
Value validity_json(Validity validity);

std::string with_thousands(std::int64_t number);  // "1,234,567"

}  // namespace shaketable
