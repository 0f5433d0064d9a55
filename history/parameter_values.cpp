#include "history/parameter_values.h"

#include <fmt/format.h>

#include "base/duration.h"

namespace shaketable {
namespace {

// Exact, unlike format_duration(), which is for reading.
std::string duration_text(Nanos duration) {
  const std::int64_t ns = duration.count();
  const std::pair<std::int64_t, const char*> units[] = {
      {3'600'000'000'000, "h"}, {60'000'000'000, "m"}, {1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}};
  for (const auto& [unit, name] : units)
    if (ns != 0 && ns % unit == 0) return fmt::format("{}{}", ns / unit, name);
  return ns == 0 ? "0s" : fmt::format("{}ns", ns);
}

std::optional<Nanos> duration_from(const Value& value) {
  return value.kind() == Value::Kind::string ? parse_duration(value.text()) : std::nullopt;
}

std::optional<std::vector<std::string>> texts_from(const Value& value) {
  if (!value.is_list()) return std::nullopt;
  std::vector<std::string> texts;
  for (const Value& item : value.items()) {
    if (item.kind() != Value::Kind::string) return std::nullopt;
    texts.emplace_back(item.text());
  }
  return texts;
}

std::optional<double> number_from(const Value& value) {
  if (value.is_integer()) return static_cast<double>(value.integer());
  return value.kind() == Value::Kind::real ? std::optional(value.real()) : std::nullopt;
}

std::optional<ParameterValue> converted(const Value& value, ParameterType type) {
  switch (type) {
    case ParameterType::boolean:
      if (value.kind() == Value::Kind::boolean) return ParameterValue(value.boolean());
      break;
    case ParameterType::integer:
      if (value.is_integer()) return ParameterValue(value.integer());
      break;
    case ParameterType::number:
      if (const auto number = number_from(value)) return ParameterValue(*number);
      break;
    case ParameterType::duration:
      if (const auto duration = duration_from(value)) return ParameterValue(*duration);
      break;
    case ParameterType::duration_range:
      if (value.is_list() && value.size() == 2) {
        const auto low = duration_from(value[0]), high = duration_from(value[1]);
        if (low && high) return ParameterValue(DurationRange{*low, *high});
      }
      break;
    case ParameterType::size:
      if (value.is_integer() && value.integer() >= 0)
        return ParameterValue(static_cast<std::uint64_t>(value.integer()));
      break;
    case ParameterType::text:
    case ParameterType::choice:
      if (value.kind() == Value::Kind::string) return ParameterValue(std::string(value.text()));
      break;
    case ParameterType::texts:
    case ParameterType::choice_list:
    case ParameterType::command:
      if (auto texts = texts_from(value)) return ParameterValue(std::move(*texts));
      break;
    case ParameterType::weights:
      if (value.kind() == Value::Kind::map) {
        Weights weights;
        for (std::size_t i = 0; i < value.items().size(); i += 2) {
          const auto weight = number_from(value.items()[i + 1]);
          if (!weight || value.items()[i].kind() != Value::Kind::string) return std::nullopt;
          weights.emplace_back(value.items()[i].text(), *weight);
        }
        return ParameterValue(std::move(weights));
      }
      break;
    case ParameterType::entries:
      if (value.kind() == Value::Kind::map) {
        Entries entries;
        for (std::size_t i = 0; i < value.items().size(); i += 2) {
          if (value.items()[i].kind() != Value::Kind::string || value.items()[i + 1].kind() != Value::Kind::string)
            return std::nullopt;
          entries.emplace_back(value.items()[i].text(), value.items()[i + 1].text());
        }
        return ParameterValue(std::move(entries));
      }
      break;
  }
  return std::nullopt;
}

}  // namespace

Value parameter_value(const ParameterValue& value) {
  struct Visitor {
    Value operator()(bool b) const { return b; }
    Value operator()(std::int64_t i) const { return i; }
    Value operator()(double d) const { return d; }
    Value operator()(Nanos d) const { return duration_text(d); }
    Value operator()(const DurationRange& r) const {
      return Value::list({duration_text(r.low), duration_text(r.high)});
    }
    Value operator()(std::uint64_t s) const { return static_cast<std::int64_t>(s); }
    Value operator()(const std::string& s) const { return s; }
    Value operator()(const std::vector<std::string>& s) const { return Value::list({s.begin(), s.end()}); }
    Value operator()(const Weights& w) const {
      std::vector<std::pair<Value, Value>> entries;
      for (const auto& [name, weight] : w) entries.emplace_back(name, weight);
      return Value::map(std::move(entries));
    }
    Value operator()(const Entries& e) const {
      std::vector<std::pair<Value, Value>> entries;
      for (const auto& [name, text] : e) entries.emplace_back(name, text);
      return Value::map(std::move(entries));
    }
  };
  return std::visit(Visitor{}, value);
}

ParameterValue parameter_of(const Parameters& from, const ParameterSpec& spec) {
  switch (spec.type) {
    case ParameterType::boolean:
      return from.boolean(spec.name);
    case ParameterType::integer:
      return from.integer(spec.name);
    case ParameterType::number:
      return from.number(spec.name);
    case ParameterType::duration:
      return from.duration(spec.name);
    case ParameterType::duration_range:
      return from.range(spec.name);
    case ParameterType::size:
      return from.size(spec.name);
    case ParameterType::text:
    case ParameterType::choice:
      return from.text(spec.name);
    case ParameterType::texts:
    case ParameterType::choice_list:
    case ParameterType::command:
      return from.texts(spec.name);
    case ParameterType::weights:
      return from.weights(spec.name);
    case ParameterType::entries:
      return from.entries(spec.name);
  }
  return false;
}

Result<ParameterValue> parameter_from(const Value& value, const ParameterSpec& spec) {
  auto made = converted(value, spec.type);
  if (!made) return bad_input(fmt::format("{} has a value of another type", spec.name));
  return std::move(*made);
}

}  // namespace shaketable
