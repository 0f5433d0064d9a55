#include "workloads/specs.h"

#include <fmt/format.h>

#include <utility>

#include "base/duration.h"
#include "base/text.h"

namespace shaketable::spec {
namespace {

ParameterSpec described(std::string name, ParameterType type, std::string about, std::string fallback,
                        ParameterValue value) {
  ParameterSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.about = std::move(about);
  spec.fallback = std::move(fallback);
  spec.value = std::move(value);
  return spec;
}

ParameterSpec within(ParameterSpec spec, double minimum, double maximum) {
  spec.minimum = minimum;
  spec.maximum = maximum;
  return spec;
}

}  // namespace

ParameterSpec integer(std::string name, std::string about, std::int64_t value, double minimum, double maximum) {
  return within(described(std::move(name), ParameterType::integer, std::move(about), std::to_string(value), value),
                minimum, maximum);
}

ParameterSpec number(std::string name, std::string about, double value, double minimum, double maximum) {
  return within(described(std::move(name), ParameterType::number, std::move(about), fmt::format("{:g}", value), value),
                minimum, maximum);
}

ParameterSpec share(std::string name, std::string about, double value) {
  return number(std::move(name), std::move(about), value, 0, 1);
}

ParameterSpec flag(std::string name, std::string about, bool value) {
  return described(std::move(name), ParameterType::boolean, std::move(about), value ? "true" : "false", value);
}

ParameterSpec text(std::string name, std::string about, std::string value) {
  std::string fallback = value;
  return described(std::move(name), ParameterType::text, std::move(about), std::move(fallback), std::move(value));
}

ParameterSpec duration(std::string name, std::string about, Nanos value) {
  ParameterSpec spec =
      described(std::move(name), ParameterType::duration, std::move(about), format_duration(value), value);
  spec.minimum = 0;
  return spec;
}

ParameterSpec duration_range(std::string name, std::string about, DurationRange value) {
  ParameterSpec spec =
      described(std::move(name), ParameterType::duration_range, std::move(about),
                fmt::format("[{}, {}]", format_duration(value.low), format_duration(value.high)), value);
  spec.minimum = 0;
  return spec;
}

ParameterSpec choice(std::string name, std::string about, std::vector<std::string> choices, std::string value) {
  ParameterSpec spec = text(std::move(name), std::move(about), std::move(value));
  spec.type = ParameterType::choice;
  spec.choices = std::move(choices);
  return spec;
}

ParameterSpec weights(std::string name, std::string about, Weights value) {
  std::vector<std::string> written, choices;
  for (const auto& [choice, weight] : value) {
    written.push_back(fmt::format("{}: {:g}", choice, weight));
    choices.push_back(choice);
  }
  ParameterSpec spec =
      described(std::move(name), ParameterType::weights, std::move(about), "{" + join(written) + "}", std::move(value));
  spec.choices = std::move(choices);
  return spec;
}

ParameterSpec choice_list(std::string name, std::string about, std::vector<std::string> choices,
                          std::vector<std::string> value) {
  std::string fallback = join(value);
  ParameterSpec spec =
      described(std::move(name), ParameterType::choice_list, std::move(about), std::move(fallback), std::move(value));
  spec.choices = std::move(choices);
  return spec;
}

}  // namespace shaketable::spec
