#pragma once
// Histories as EDN files, from short lines, for the program to read.

#include <fmt/format.h>

#include <sstream>
#include <string>

namespace shaketable::testing {

// A line is an event, "0 invoke add 3" or "0 ok add 3", or a call that is answered at once: "0 add 3 => 3". Values are
// EDN. An event takes place every 10 ms.
inline std::string edn_of(const std::string& text) {
  std::string out;
  int events = 0;
  const auto event = [&](const std::string& process, const std::string& type, const std::string& f,
                         const std::string& value) {
    out += fmt::format("{{:process {}, :type :{}, :f :{}, :value {}, :time {}}}\n", process, type, f,
                       value.find_first_not_of(' ') == std::string::npos ? "nil" : value, 10'000'000LL * events++);
  };
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string process, type, f, value;
    if (!(words >> process >> type)) continue;
    if (type == "invoke" || type == "ok" || type == "fail" || type == "info") {
      words >> f;
      std::getline(words, value);
      event(process, type, f, value);
      continue;
    }
    std::getline(words, value);
    const std::size_t arrow = value.find("=>");
    event(process, "invoke", type, value.substr(0, arrow));
    event(process, "ok", type, arrow == std::string::npos ? value : value.substr(arrow + 2));
  }
  return out;
}

}  // namespace shaketable::testing
