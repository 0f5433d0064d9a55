#pragma once
// A refutation of linearizability as a picture: a bar for each operation from its invocation to its completion, a row
// for each process, and the longest orders that explain a part of them, each up to where it stops.

#include <string>

#include "history/value.h"

namespace shaketable::page {

// `details` as docs/checkers.md describes them ("The counterexample as data"); HTML, or nothing if they are of another
// shape.
std::string counterexample(const Value& details);

}  // namespace shaketable::page
