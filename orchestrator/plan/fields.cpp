#include "orchestrator/plan/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/duration.h"
#include "base/text.h"

namespace shaketable {
namespace {

constexpr std::string_view kDurationForm = "a duration such as 500ms, 5s or 2m";
constexpr std::string_view kSizeForm = "a size such as 512MiB or 2GiB";
constexpr std::string_view kIntegerForm = "a whole number";
constexpr std::string_view kNumberForm = "a number";

const Yaml* scalar(const Yaml& node, std::string_view name, std::string_view form, Problems& problems) {
  if (node.kind == YamlKind::scalar) return &node;
  problems.add(node.place, fmt::format("{} must be {}, not {}", name, form, describe(node)));
  return nullptr;
}

bool is_number_alone(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

// "010", "-01"; not "0", "0.5".
bool has_leading_zero(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

template <class T>
std::optional<T> from_text(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class T>
std::optional<T> number_from(const Yaml& node, std::string_view name, std::string_view form, Problems& problems) {
  if (!scalar(node, name, form, problems)) return std::nullopt;
  if (has_leading_zero(node.text)) {
    problems.add(node.place,
                 fmt::format("{} must be {} without a leading zero, not \"{}\": YAML readers disagree whether "
                             "that is octal",
                             name, form, node.text));
    return std::nullopt;
  }
  const std::optional<T> value = from_text<T>(node.text);
  if (!value) problems.add(node.place, fmt::format("{} must be {}, not {}", name, form, describe(node)));
  return value;
}

bool within(const Yaml& node, std::string_view name, double value, Bounds bounds, std::string (*show)(double),
            Problems& problems) {
  if (value >= bounds.minimum && value <= bounds.maximum) return true;
  const bool low = value < bounds.minimum;
  problems.add(node.place, fmt::format("{} must be at {} {}, not {}", name, low ? "least" : "most",
                                       show(low ? bounds.minimum : bounds.maximum), show(value)));
  return false;
}

std::string show_number(double value) {
  return fmt::format("{}", value);
}
std::string show_seconds(double value) {
  return value == 0 ? "0s" : format_duration(Nanos(std::llround(value * 1e9)));
}
std::string show_bytes(double value) {
  return format_size(static_cast<std::uint64_t>(value));
}
double in_seconds(Nanos duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

}  // namespace

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  // Lower case on both sides: `Linearizable` and `REGISTER` are meant, too.
  const auto lower = [](std::string_view text) {
    std::string out(text.substr(0, 100));
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return c < 0x80 ? std::tolower(c) : c; });
    return out;
  };
  std::vector<std::string> folded;
  for (const std::string& candidate : candidates) folded.push_back(lower(candidate));
  const std::string_view best = nearest(lower(word), {folded.begin(), folded.end()});
  for (std::size_t i = 0; i < folded.size(); ++i)
    if (!best.empty() && folded[i] == best) return fmt::format("; did you mean \"{}\"?", candidates[i]);
  return "";
}

std::string one_of(const std::vector<std::string>& choices) {
  constexpr std::size_t kAll = 16;  // more are no help in a message
  if (choices.size() > kAll) return fmt::format("one of {} names (`shaketable list`)", choices.size());
  std::string out;
  for (std::size_t i = 0; i < choices.size(); ++i)
    out += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + choices[i];
  return out;
}

std::string describe(const Yaml& node) {
  switch (node.kind) {
    case YamlKind::null:
      return "nothing";
    case YamlKind::scalar: {
      // A whole certificate pasted where a word belongs must not fill the screen.
      std::string text = node.text.substr(0, 60);
      while (!text.empty() && (text.size() < node.text.size()) && (static_cast<unsigned char>(text.back()) & 0x80))
        text.pop_back();
      for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
      return fmt::format("\"{}{}\"", text, text.size() < node.text.size() ? "..." : "");
    }
    case YamlKind::list:
      return "a list";
    case YamlKind::map:
      return "a map";
  }
  return "";
}

std::optional<bool> to_boolean(const Yaml& node, std::string_view name, Problems& problems) {
  if (!scalar(node, name, "true or false", problems)) return std::nullopt;
  if (node.text == "true") return true;
  if (node.text == "false") return false;
  std::string remedy;
  for (std::string_view word : {"True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "1"})
    if (node.text == word) remedy = "; write true";
  for (std::string_view word : {"False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "0"})
    if (node.text == word) remedy = "; write false";
  problems.add(node.place, fmt::format("{} must be true or false, not {}{}", name, describe(node), remedy));
  return std::nullopt;
}

std::optional<std::int64_t> to_integer(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds) {
  const auto value = number_from<std::int64_t>(node, name, kIntegerForm, problems);
  if (!value || !within(node, name, static_cast<double>(*value), bounds, show_number, problems)) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> to_seed(const Yaml& node, std::string_view name, Problems& problems) {
  return number_from<std::uint64_t>(node, name, "a whole number from 0 to 18446744073709551615", problems);
}

std::optional<double> to_number(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds) {
  const auto value = number_from<double>(node, name, kNumberForm, problems);
  if (!value) return std::nullopt;
  if (!std::isfinite(*value)) {
    problems.add(node.place, fmt::format("{} must be {}, not \"{}\"", name, kNumberForm, node.text));
    return std::nullopt;
  }
  if (!within(node, name, *value, bounds, show_number, problems)) return std::nullopt;
  return value;
}

std::optional<Nanos> to_duration(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds) {
  if (!scalar(node, name, kDurationForm, problems)) return std::nullopt;
  const std::optional<Nanos> value = parse_duration(node.text);
  if (!value) {
    problems.add(node.place, fmt::format("{} must be {}, not {}{}", name, kDurationForm, describe(node),
                                         is_number_alone(node.text) ? "; the unit is missing" : ""));
    return std::nullopt;
  }
  if (!within(node, name, in_seconds(*value), bounds, show_seconds, problems)) return std::nullopt;
  return value;
}

std::optional<DurationRange> to_range(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds) {
  if (node.kind != YamlKind::list) {
    if (node.kind != YamlKind::scalar) {
      problems.add(node.place, fmt::format("{} must be a duration such as 5s, or a range such as [3s, 6s], not {}",
                                           name, describe(node)));
      return std::nullopt;
    }
    const auto both = to_duration(node, name, problems, bounds);
    return both ? std::optional(DurationRange{*both, *both}) : std::nullopt;
  }
  if (node.items.size() != 2) {
    problems.add(node.place,
                 fmt::format("{} must be a duration such as 5s, or a range of two such as [3s, 6s], not a list "
                             "of {}",
                             name, node.items.size()));
    return std::nullopt;
  }
  const auto low = to_duration(*node.items[0], name, problems, bounds);
  const auto high = to_duration(*node.items[1], name, problems, bounds);
  if (!low || !high) return std::nullopt;
  if (*low > *high) {
    problems.add(node.place, fmt::format("{} must be a range from low to high, not from {} to {}", name,
                                         node.items[0]->text, node.items[1]->text));
    return std::nullopt;
  }
  return DurationRange{*low, *high};
}

std::optional<std::uint64_t> to_size(const Yaml& node, std::string_view name, Problems& problems, Bounds bounds) {
  if (!scalar(node, name, kSizeForm, problems)) return std::nullopt;
  const std::optional<std::uint64_t> value = parse_size(node.text);
  if (!value) {
    problems.add(node.place, fmt::format("{} must be {}, not {}", name, kSizeForm, describe(node)));
    return std::nullopt;
  }
  if (!within(node, name, static_cast<double>(*value), bounds, show_bytes, problems)) return std::nullopt;
  return value;
}

std::optional<std::string> to_text(const Yaml& node, std::string_view name, Problems& problems) {
  if (!scalar(node, name, "a text", problems)) return std::nullopt;
  return node.text;
}

std::optional<std::vector<std::string>> to_texts(const Yaml& node, std::string_view name, Problems& problems) {
  if (node.kind == YamlKind::scalar) return std::vector{node.text};
  if (node.kind != YamlKind::list) {
    problems.add(node.place, fmt::format("{} must be a text or a list of texts, not {}", name, describe(node)));
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const YamlPtr& item : node.items) {
    auto text = to_text(*item, "each of " + std::string(name), problems);
    if (!text) return std::nullopt;
    out.push_back(std::move(*text));
  }
  return out;
}

std::optional<std::string> to_choice(const Yaml& node, std::string_view name, Problems& problems,
                                     const std::vector<std::string>& choices) {
  if (!scalar(node, name, one_of(choices), problems)) return std::nullopt;
  if (std::find(choices.begin(), choices.end(), node.text) != choices.end()) return node.text;
  problems.add(node.place, fmt::format("{} must be {}, not {}{}", name, one_of(choices), describe(node),
                                       did_you_mean(node.text, choices)));
  return std::nullopt;
}

std::optional<Weights> to_weights(const Yaml& node, std::string_view name, Problems& problems,
                                  const std::vector<std::string>& choices) {
  if (node.kind != YamlKind::map) {
    const std::string example =
        choices.size() > 1 ? fmt::format("{{{}: 2, {}: 1}}", choices[0], choices[1]) : "{name: 2}";
    problems.add(node.place,
                 fmt::format("{} must be a map of weights such as {}, not {}", name, example, describe(node)));
    return std::nullopt;
  }
  Weights out;
  double sum = 0;
  bool good = true;
  for (const YamlEntry& entry : node.entries) {
    if (!choices.empty() && std::find(choices.begin(), choices.end(), entry.key) == choices.end()) {
      problems.add(entry.place, fmt::format("{} has no \"{}\", only {}{}", name, entry.key, one_of(choices),
                                            did_you_mean(entry.key, choices)));
      good = false;
      continue;
    }
    const auto weight = to_number(*entry.value, fmt::format("{} of {}", name, entry.key), problems, {0, 1e9});
    good = good && weight;
    sum += weight.value_or(0);
    out.emplace_back(entry.key, weight.value_or(0));
  }
  if (good && sum <= 0) {
    problems.add(node.place, fmt::format("{} must have a weight above 0", name));
    good = false;
  }
  return good ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<Entries> to_entries(const Yaml& node, std::string_view name, Problems& problems) {
  if (node.kind != YamlKind::map) {
    problems.add(node.place,
                 fmt::format("{} must be a map of texts such as {{name: value}}, not {}", name, describe(node)));
    return std::nullopt;
  }
  Entries out;
  bool good = true;
  for (const YamlEntry& entry : node.entries) {
    auto text = to_text(*entry.value, fmt::format("{} of {}", name, entry.key), problems);
    good = good && text;
    if (text) out.emplace_back(entry.key, std::move(*text));
  }
  return good ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<std::vector<std::string>> to_command(const Yaml& node, std::string_view name, Problems& problems) {
  auto words = node.kind == YamlKind::scalar || node.kind == YamlKind::list ? to_texts(node, name, problems)
                                                                            : std::optional<std::vector<std::string>>();
  if (node.kind == YamlKind::map || (words && (words->empty() || words->front().empty())))
    problems.add(node.place, fmt::format("{} must be a program, or a list of a program and its arguments, not {}", name,
                                         node.kind == YamlKind::list ? "an empty list" : describe(node)));
  return words && !words->empty() && !words->front().empty() ? words : std::nullopt;
}

std::optional<ParameterValue> to_parameter(const Yaml& node, const ParameterSpec& spec, Problems& problems) {
  const auto wrap = [](auto&& value) {
    return value ? std::optional<ParameterValue>(std::move(*value)) : std::nullopt;
  };
  const Bounds bounds{spec.minimum, spec.maximum};
  switch (spec.type) {
    case ParameterType::boolean:
      return wrap(to_boolean(node, spec.name, problems));
    case ParameterType::integer:
      return wrap(to_integer(node, spec.name, problems, bounds));
    case ParameterType::number:
      return wrap(to_number(node, spec.name, problems, bounds));
    case ParameterType::duration:
      return wrap(to_duration(node, spec.name, problems, bounds));
    case ParameterType::duration_range:
      return wrap(to_range(node, spec.name, problems, bounds));
    case ParameterType::size:
      return wrap(to_size(node, spec.name, problems, bounds));
    case ParameterType::text:
      return wrap(to_text(node, spec.name, problems));
    case ParameterType::choice:
      return wrap(to_choice(node, spec.name, problems, spec.choices));
    case ParameterType::texts:
      return wrap(to_texts(node, spec.name, problems));
    case ParameterType::weights:
      return wrap(to_weights(node, spec.name, problems, spec.choices));
    case ParameterType::entries:
      return wrap(to_entries(node, spec.name, problems));
    case ParameterType::command:
      return wrap(to_command(node, spec.name, problems));
    case ParameterType::choice_list:
      break;
  }
  std::vector<std::string> out;
  if (node.kind == YamlKind::list) {
    if (node.items.empty())
      problems.add(node.place, fmt::format("{} must name at least one of {}", spec.name, one_of(spec.choices)));
    for (const YamlPtr& item : node.items)
      if (auto choice = to_choice(*item, "each of " + spec.name, problems, spec.choices))
        out.push_back(std::move(*choice));
    return out.size() == node.items.size() && !out.empty() ? std::optional<ParameterValue>(std::move(out))
                                                           : std::nullopt;
  }
  auto choice = to_choice(node, spec.name, problems, spec.choices);
  if (!choice) return std::nullopt;
  out.push_back(std::move(*choice));
  return ParameterValue(std::move(out));
}

Fields::Fields(const Yaml& node, const Place& place, std::string what, Problems& problems)
    : node_(node), place_(place), what_(std::move(what)), problems_(problems) {}

const YamlEntry* Fields::entry(std::string_view key) {
  know(key);
  return node_.find(key);
}

const Yaml* Fields::find(std::string_view key) {
  const YamlEntry* found = entry(key);
  if (!found) return nullptr;
  if (found->value->kind != YamlKind::null) return found->value.get();
  problems_.add(found->place, fmt::format("{} has no value; leave the key out to have its default", key));
  return nullptr;
}

void Fields::boolean(std::string_view key, bool& out) {
  if (const Yaml* value = find(key)) out = to_boolean(*value, key, problems_).value_or(out);
}
void Fields::integer(std::string_view key, int& out, Bounds bounds) {
  bounds.minimum = std::max<double>(bounds.minimum, std::numeric_limits<int>::min());
  bounds.maximum = std::min<double>(bounds.maximum, std::numeric_limits<int>::max());
  if (const Yaml* value = find(key)) out = static_cast<int>(to_integer(*value, key, problems_, bounds).value_or(out));
}
void Fields::number(std::string_view key, double& out, Bounds bounds) {
  if (const Yaml* value = find(key)) out = to_number(*value, key, problems_, bounds).value_or(out);
}
void Fields::duration(std::string_view key, Nanos& out, Bounds bounds) {
  if (const Yaml* value = find(key)) out = to_duration(*value, key, problems_, bounds).value_or(out);
}
void Fields::range(std::string_view key, DurationRange& out, Bounds bounds) {
  if (const Yaml* value = find(key)) out = to_range(*value, key, problems_, bounds).value_or(out);
}
void Fields::size(std::string_view key, std::uint64_t& out, Bounds bounds) {
  if (const Yaml* value = find(key)) out = to_size(*value, key, problems_, bounds).value_or(out);
}
void Fields::text(std::string_view key, std::string& out) {
  if (const Yaml* value = find(key)) out = to_text(*value, key, problems_).value_or(out);
}
void Fields::texts(std::string_view key, std::vector<std::string>& out) {
  if (const Yaml* value = find(key)) out = to_texts(*value, key, problems_).value_or(out);
}

void Fields::parameters(const std::vector<ParameterSpec>& specs, Parameters& out) {
  for (const ParameterSpec& spec : specs) {
    const YamlEntry* found = entry(spec.name);
    if (!found) {
      if (spec.required) problems_.add(place_, fmt::format("{} needs \"{}\": {}", what_, spec.name, spec.about));
      continue;
    }
    if (found->value->kind == YamlKind::null)
      problems_.add(found->place, spec.required ? spec.name + " has no value"
                                                : spec.name + " has no value; leave the key out to have its default");
    else if (auto value = to_parameter(*found->value, spec, problems_))
      out.set(spec.name, std::move(*value));
  }
}

void Fields::finish() {
  for (const YamlEntry& entry : node_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    std::string remedy = did_you_mean(entry.key, known_);
    if (remedy.empty())
      remedy =
          known_.empty() ? fmt::format("; {} takes no keys", what_) : fmt::format("; {} takes {}", what_, join(known_));
    problems_.add(entry.place, fmt::format("unknown key \"{}\"{}", entry.key, remedy));
  }
}

}  // namespace shaketable
