#pragma once
// The files of the source tree, and the rules of the house as functions from a text to findings. A finding is a line
// `path:line: what`; none means that all is well.

#include <string>
#include <string_view>
#include <vector>

namespace shaketable::tidy {

struct File {
  std::string path;  // from the root: "base/clock.h"
  std::string text;
};

// Every file with one of these endings (".h") below the product's and the tests' folders, docs/, configs/ and the root
// itself; build trees, runs and hidden files left out. Sorted by path.
std::vector<File> files(const std::vector<std::string>& endings);

struct Include {
  int line = 0;
  std::string target;  // "base/clock.h", or "yaml-cpp/yaml.h"
  bool angle = false;
};
std::vector<Include> includes(std::string_view text);

// The ladder: which folders a file may include from. Empty if it stands in no folder of the house.
std::vector<std::string> may_include(std::string_view path);

std::vector<std::string> wrong_includes(const File& file);
std::vector<std::string> heavy_headers(const File& file);     // of headers only: they belong in one .cpp
std::vector<std::string> wide_lines(const File& file);        // more than 120 characters
std::vector<std::string> leftovers(const File& file);         // notes to come back later
std::vector<std::string> broken_links(const File& file);      // of Markdown, to files and to headings
std::vector<std::string> absent_documents(const File& file);  // docs/NAME.md that a text speaks of

}  // namespace shaketable::tidy
