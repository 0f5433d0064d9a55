#pragma once
// The command line of DESIGN, section 2. Parsing is here; each command has a file of its own.

namespace shaketable {

// The whole program. Returns its exit code.
int command_line(int argc, char** argv);

}  // namespace shaketable
