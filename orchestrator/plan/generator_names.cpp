#include "orchestrator/plan/generator_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "orchestrator/plan/fields.h"

namespace shaketable {
namespace {

bool among(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

void GeneratorNames::enter(Part part) {
  scopes_.push_back({part, at_, {}, {}});
  at_ = scopes_.size() - 1;
}

void GeneratorNames::leave() {
  at_ = scopes_[at_].outer;
}

void GeneratorNames::give(const std::string& name) {
  scopes_[at_].names.push_back(name);
}

void GeneratorNames::give_outside(const std::string& name) {
  give(name);
  scopes_[scopes_[at_].outer].names.push_back(name);
}

void GeneratorNames::count(const std::string& counter) {
  scopes_[at_].counters.push_back(counter);
}

void GeneratorNames::ask(const std::string& name, const Place& place, bool any_worker) {
  names_asked_.push_back({name, place, at_, any_worker});
}

void GeneratorNames::ask_counter(const std::string& counter, const Place& place) {
  counters_asked_.push_back({counter, place, at_, false});
}

std::vector<std::string> GeneratorNames::seen_from(std::size_t scope) const {
  std::vector<std::string> names = scopes_[scope].names;
  while (scope != 0) {
    scope = scopes_[scope].outer;
    names.insert(names.end(), scopes_[scope].names.begin(), scopes_[scope].names.end());
  }
  return names;
}

// Keys have counters of their own, and those alone; all other parts share them.
std::vector<std::string> GeneratorNames::counters_at(std::size_t scope) const {
  const auto owner = [this](std::size_t of) {
    while (of != 0 && scopes_[of].part != Part::key) of = scopes_[of].outer;
    return of;
  };
  std::vector<std::string> counters;
  for (std::size_t i = 0; i < scopes_.size(); ++i)
    if (owner(i) == owner(scope))
      counters.insert(counters.end(), scopes_[i].counters.begin(), scopes_[i].counters.end());
  return counters;
}

void GeneratorNames::finish() {
  for (const Question& question : names_asked_) {
    std::size_t scope = question.scope;
    if (question.any_worker) {
      while (scope != 0 && scopes_[scope].part != Part::worker) scope = scopes_[scope].outer;
      if (scope == 0) {
        problems_.add(question.place,
                      "any-worker needs each-worker around it: there alone workers have names of their own");
        continue;
      }
    }
    const std::vector<std::string> there = question.any_worker ? scopes_[scope].names : seen_from(scope);
    if (among(there, question.name)) continue;
    const std::string near = did_you_mean(question.name, there);
    problems_.add(question.place, fmt::format("nothing here has the name \"{}\"{}", question.name,
                                              near.empty() ? "; as, let, answer and for-each give names" : near));
  }
  for (const Question& question : counters_asked_) {
    const std::vector<std::string> there = counters_at(question.scope);
    if (among(there, question.name)) continue;
    const std::string near = did_you_mean(question.name, there);
    problems_.add(question.place, fmt::format("nothing here counts \"{}\"{}", question.name,
                                              near.empty() ? fmt::format("; {{next: {}}} does", question.name) : near));
  }
}

}  // namespace shaketable
