#pragma once
// Which names and counters the values of a generator have, and whether what they ask for is there
// (docs/generators.md).

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/plan/problems.h"

namespace shaketable {

// One for each generator of a plan. Places may be asked for before they are given: a name is known in the whole of the
// part that it belongs to.
class GeneratorNames {
 public:
  explicit GeneratorNames(Problems& problems) : problems_(problems) {}

  enum class Part { worker, key, other };
  void enter(Part part);
  void leave();

  void give(const std::string& name);          // by as, let, answer, for-each
  void give_outside(const std::string& name);  // in the part around the innermost too
  void count(const std::string& counter);
  void ask(const std::string& name, const Place& place, bool any_worker = false);
  void ask_counter(const std::string& counter, const Place& place);

  void finish();  // what is asked for and not there becomes a problem

 private:
  struct Scope {
    Part part = Part::other;
    std::size_t outer = 0;  // of the whole: itself
    std::vector<std::string> names, counters;
  };
  struct Question {
    std::string name;
    Place place;
    std::size_t scope = 0;
    bool any_worker = false;
  };
  std::vector<std::string> seen_from(std::size_t scope) const;
  std::vector<std::string> counters_at(std::size_t scope) const;

  Problems& problems_;
  std::vector<Scope> scopes_{1};
  std::size_t at_ = 0;
  std::vector<Question> names_asked_, counters_asked_;
};

}  // namespace shaketable
