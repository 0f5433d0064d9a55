#include "orchestrator/report/exit_code.h"

namespace shaketable {
namespace {

int precedence(ExitCode code) {
  switch (code) {
    case ExitCode::violation:
      return 6;
    case ExitCode::unclean:
      return 5;
    case ExitCode::infrastructure:
      return 4;
    case ExitCode::bad_input:
      return 3;
    case ExitCode::interrupted:
      return 2;
    case ExitCode::unknown:
      return 1;
    case ExitCode::pass:
      return 0;
  }
  return 6;
}

}  // namespace

ExitCode worse(ExitCode a, ExitCode b) {
  return precedence(a) >= precedence(b) ? a : b;
}

ExitCode exit_code_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::bad_input:
      return ExitCode::bad_input;
    case ErrorKind::infrastructure:
      return ExitCode::infrastructure;
    case ErrorKind::interrupted:
      return ExitCode::interrupted;
  }
  return ExitCode::infrastructure;
}

}  // namespace shaketable
