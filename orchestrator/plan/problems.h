#pragma once
// What is wrong with a plan, gathered so that a person sees all of it at once, each with its place:
//
//   plan.yaml:7:3: unknown key "worklod"; did you mean "workload"?
//     worklod: register
//     ^

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shaketable {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // some editors begin a file with it; it counts for nothing

// A text that places point into: a file, or an option of the command line ("--set client.timeout=5s"), which has no
// lines.
struct Source {
  std::string name;
  std::vector<std::string> lines;
  bool is_option = false;
};

struct Place {
  const Source* source = nullptr;  // null: nowhere in particular
  int line = 0;                    // from 1; 0: the source as a whole
  int column = 0;                  // from 1, in bytes; shown in characters
};

// Not thread-safe. Owns the sources, so it must outlive every Place into them.
class Problems {
 public:
  static constexpr std::size_t kShown = 20;  // more only count

  const Source& add_file(std::string name, std::string_view text);
  const Source& add_option(std::string name);
  void add(const Place& place, std::string message);
  bool empty() const { return found_.empty(); }
  std::size_t size() const { return found_.size(); }

  // All of them as one bad_input error, files before options, each in the order of its lines. Secrets that were
  // announced to the log are redacted, in quoted source lines too. Call only when there are some.
  Error error() const;

 private:
  struct Problem {
    Place place;
    std::string message;
  };
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Problem> found_;
};

}  // namespace shaketable
