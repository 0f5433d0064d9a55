#pragma once
// Parameters that plans give to faults, workloads, clients and checkers. Whoever takes parameters describes them once;
// the plan reader checks a plan against the description, `shaketable list` prints it, and the code reads typed values.

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace shaketable {

enum class ParameterType {
  boolean,
  integer,
  number,
  duration,        // "250ms"
  duration_range,  // "5s" or "[3s, 6s]"
  size,            // "64MiB"
  text,
  choice,       // one of `choices`
  texts,        // one text or a list of them
  choice_list,  // one or a list of `choices`
  weights,      // {read: 2, write: 1}: names of `choices` (any name when empty) to numbers >= 0
  entries,      // {any: text, name: text}
  command,      // a program and its arguments; one with a slash in its name starts at the plan's directory
};

struct DurationRange {
  Nanos low{0}, high{0};
  friend bool operator==(const DurationRange&, const DurationRange&) = default;
};

using Weights = std::vector<std::pair<std::string, double>>;       // in the plan's order
using Entries = std::vector<std::pair<std::string, std::string>>;  // the same
using ParameterValue = std::variant<bool, std::int64_t, double, Nanos, DurationRange, std::uint64_t, std::string,
                                    std::vector<std::string>, Weights, Entries>;

struct ParameterSpec {
  std::string name;
  ParameterType type = ParameterType::text;
  std::string about;      // one line
  std::string fallback;   // for people: as a plan would write it, or in words what holds without it ("not judged")
  ParameterValue value;   // the fallback as the code gets it; its alternative must fit `type`
  bool required = false;  // then there is no fallback
  std::vector<std::string> choices;
  double minimum = -std::numeric_limits<double>::infinity();  // numbers; durations in seconds; sizes in bytes
  double maximum = std::numeric_limits<double>::infinity();
};

// Values by name. Asking for a name or a type that the description does not have is a bug of the caller: it aborts.
class Parameters {
 public:
  Parameters() = default;
  explicit Parameters(const std::vector<ParameterSpec>& specs);  // every fallback
  void set(std::string_view name, ParameterValue value) {
    values_.insert_or_assign(std::string(name), std::move(value));
  }
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }

  bool boolean(std::string_view name) const { return get<bool>(name); }
  std::int64_t integer(std::string_view name) const { return get<std::int64_t>(name); }
  double number(std::string_view name) const { return get<double>(name); }
  Nanos duration(std::string_view name) const { return get<Nanos>(name); }
  DurationRange range(std::string_view name) const { return get<DurationRange>(name); }
  std::uint64_t size(std::string_view name) const { return get<std::uint64_t>(name); }
  const std::string& text(std::string_view name) const { return get<std::string>(name); }
  const std::vector<std::string>& texts(std::string_view name) const { return get<std::vector<std::string>>(name); }
  const Weights& weights(std::string_view name) const { return get<Weights>(name); }
  const Entries& entries(std::string_view name) const { return get<Entries>(name); }

 private:
  template <class T>
  const T& get(std::string_view name) const;
  std::map<std::string, ParameterValue, std::less<>> values_;
};

[[noreturn]] void parameter_bug(std::string_view name, std::string_view what);

template <class T>
const T& Parameters::get(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) parameter_bug(name, "is not described");
  const T* value = std::get_if<T>(&found->second);
  if (!value) parameter_bug(name, "is of another type");
  return *value;
}

}  // namespace shaketable
