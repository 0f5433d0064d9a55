#include "checkers/aggregate/options.h"

#include <fmt/format.h>

#include <optional>

#include "base/duration.h"
#include "base/text.h"
#include "checkers/aggregate/aggregate.h"
#include "checkers/aggregate/input.h"

namespace shaketable::aggregate {
namespace {

// A value as the type that the option asks for; nullopt if it is of another.
std::optional<ParameterValue> converted(const Value& value, ParameterType type) {
  const bool number = value.is_integer() || value.kind() == Value::Kind::real;
  const auto real = [&] { return value.is_integer() ? static_cast<double>(value.integer()) : value.real(); };
  switch (type) {
    case ParameterType::boolean:
      if (value.kind() == Value::Kind::boolean) return ParameterValue(value.boolean());
      return std::nullopt;
    case ParameterType::integer:
      if (value.is_integer()) return ParameterValue(value.integer());
      return std::nullopt;
    case ParameterType::number:
      if (number) return ParameterValue(real());
      return std::nullopt;
    case ParameterType::duration:
      if (number && real() >= 0 && real() < 1e9) return ParameterValue(Nanos(static_cast<std::int64_t>(real() * 1e9)));
      if (const auto duration = parse_duration(word(value))) return ParameterValue(*duration);
      return std::nullopt;
    case ParameterType::text:
      if (!word(value).empty()) return ParameterValue(std::string(word(value)));
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::string_view type_name(ParameterType type) {
  switch (type) {
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::integer:
      return "a whole number";
    case ParameterType::number:
      return "a number";
    case ParameterType::duration:
      return "a duration";
    default:
      return "a text";
  }
}

}  // namespace

Result<Parameters> options_of(std::string_view checker, const std::vector<ParameterSpec>& specs, const Value& given) {
  Parameters parameters(specs);
  if (given.is_nil()) return parameters;
  if (given.kind() != Value::Kind::map)
    return bad_input(fmt::format("options of {}: found {}, expected a map", checker, shown(given)));
  for (std::size_t i = 0; i < given.items().size(); i += 2) {
    const std::string_view name = word(given.items()[i]);
    const ParameterSpec* spec = nullptr;
    std::vector<std::string_view> names;
    for (const ParameterSpec& known : specs) {
      names.push_back(known.name);
      if (known.name == name) spec = &known;
    }
    if (!spec) {
      const std::string_view meant = nearest(name, names);
      return bad_input(fmt::format("{} has no option {}{}", checker, shown(given.items()[i]),
                                   meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant)));
    }
    auto value = converted(given.items()[i + 1], spec->type);
    if (!value)
      return bad_input(fmt::format("option {} of {}: found {}, expected {}", name, checker, shown(given.items()[i + 1]),
                                   type_name(spec->type)));
    parameters.set(name, std::move(*value));
  }
  return parameters;
}

}  // namespace shaketable::aggregate
