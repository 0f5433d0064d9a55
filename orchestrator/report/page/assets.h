#pragma once
// The files that CMake puts into the program as they are (CMakeLists.txt of this folder).

#include <string_view>

namespace shaketable::page {

struct Asset {
  std::string_view text;        // empty: it was not there when the program was built
  std::string_view sha256_hex;  // of the text
};

extern const Asset kStyle;       // report.css
extern const Asset kScript;      // report.js
extern const Asset kPlotScript;  // uPlot's, from npm
extern const Asset kPlotStyle;

}  // namespace shaketable::page
