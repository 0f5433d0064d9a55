#include "orchestrator/commands/command_line.h"

int main(int argc, char** argv) {
  return shaketable::command_line(argc, argv);
}
