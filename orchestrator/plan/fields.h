#pragma once
// Typed reading of YAML values: what a person wrote is taken as a person means it, and anything doubtful is a problem
// with its place. Quotes make no difference to numbers, durations and the like.
//
// Booleans are `true` and `false`; yes, no, on, off are refused. Whole numbers are decimal; 010 is refused, because
// YAML readers disagree whether it is 8 or 10, and so are 0x10 and 1_000. Durations and sizes carry their unit.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/parameters.h"
#include "orchestrator/plan/document.h"

namespace shaketable {

struct Bounds {
  double minimum = -std::numeric_limits<double>::infinity();  // numbers; durations in seconds; sizes in bytes
  double maximum = std::numeric_limits<double>::infinity();
};

// Each says nullopt after adding a problem. `name` is how messages call the value.
std::optional<bool> to_boolean(const Yaml& node, std::string_view name, Problems& problems);
std::optional<std::int64_t> to_integer(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds = {});
std::optional<std::uint64_t> to_seed(const Yaml& node, std::string_view name, Problems& problems);
std::optional<double> to_number(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds = {});
std::optional<Nanos> to_duration(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds = {});
std::optional<DurationRange> to_range(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds = {});
std::optional<std::uint64_t> to_size(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds = {});
std::optional<std::string> to_text(const Yaml& node, std::string_view name, Problems& problems);
std::optional<std::vector<std::string>> to_texts(const Yaml& node, std::string_view name, Problems& problems);
std::optional<std::string> to_choice(const Yaml& node, std::string_view name, Problems& problems,
                                     const std::vector<std::string>& choices);
std::optional<Weights> to_weights(const Yaml& node, std::string_view name, Problems& problems,
                                  const std::vector<std::string>& choices);
// {name: text, other: text}; texts as they are written, also those that look like numbers.
std::optional<Entries> to_entries(const Yaml& node, std::string_view name, Problems& problems);
// "PROGRAM" or [PROGRAM, ARGUMENT, …].
std::optional<std::vector<std::string>> to_command(const Yaml& node, std::string_view name, Problems& problems);
std::optional<ParameterValue> to_parameter(const Yaml& node, const ParameterSpec& spec, Problems& problems);

// `; did you mean "x"?`, or nothing when no candidate is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);
std::string one_of(const std::vector<std::string>& choices);  // "a, b or c"
std::string describe(const Yaml& node);                       // `"text"`, "a list", "a map", "nothing"

// The keys of one map. A key that was asked for is known; finish() makes a problem of every other one.
class Fields {
 public:
  // `place` is shown when something is missing (best: the key that holds the map). `what` names the map in messages:
  // `the client`. `node` must be a map, or null, which is an empty map.
  Fields(const Yaml& node, const Place& place, std::string what, Problems& problems);

  const Place& place() const { return place_; }
  Problems& problems() const { return problems_; }
  void know(std::string_view key) { known_.emplace_back(key); }  // without reading it
  const YamlEntry* entry(std::string_view key);                  // null when absent
  const Yaml* find(std::string_view key);                        // null when absent; without a value: that is a problem
  const std::vector<YamlEntry>& entries() const { return node_.entries; }

  // Each reads into `out` when the key is there and right, and leaves it alone otherwise.
  void boolean(std::string_view key, bool& out);
  void integer(std::string_view key, int& out, Bounds bounds);
  void number(std::string_view key, double& out, Bounds bounds);
  void duration(std::string_view key, Nanos& out, Bounds bounds);
  void range(std::string_view key, DurationRange& out, Bounds bounds);
  void size(std::string_view key, std::uint64_t& out, Bounds bounds);
  void text(std::string_view key, std::string& out);
  void texts(std::string_view key, std::vector<std::string>& out);
  // Every parameter of the description; `out` must hold its fallbacks.
  void parameters(const std::vector<ParameterSpec>& specs, Parameters& out);

  void finish();

 private:
  const Yaml& node_;
  Place place_;
  std::string what_;
  Problems& problems_;
  std::vector<std::string> known_;
};

}  // namespace shaketable
