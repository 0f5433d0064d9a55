#pragma once
// What the program ends with (DESIGN: "Exit codes"). Several findings at once: the highest in precedence wins.

#include "base/result.h"

namespace shaketable {

enum class ExitCode : int {
  pass = 0,
  violation = 1,       // a checker found what must not be
  unknown = 2,         // undecided in the budget, or too little happened to judge
  bad_input = 3,       // plan, history or usage
  infrastructure = 4,  // a node, a network, a disk failed us
  unclean = 5,         // a node could not be proved clean
  interrupted = 130,
};

// violation, unclean, infrastructure, bad_input (one file of several), interrupted, unknown, pass.
ExitCode worse(ExitCode a, ExitCode b);
ExitCode exit_code_of(const Error& error);

}  // namespace shaketable
