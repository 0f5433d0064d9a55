#include "tests/history/run_folder.h"

#include <fmt/format.h>

#include "history/text.h"

namespace shaketable::testing {

std::string line_of(const Operation& operation) {
  std::string line = fmt::format("{} {} {} {}", operation.process, to_string(operation.type), operation.f.text(),
                                 to_edn(operation.value));
  if (!operation.error.is_nil()) line += " error " + to_edn(operation.error);
  return line;
}

std::vector<std::string> lines_of(const History& history) {
  std::vector<std::string> lines;
  for (const Operation& operation : history.operations) lines.push_back(line_of(operation));
  return lines;
}

}  // namespace shaketable::testing
