#pragma once
// Descriptions of parameters, a line each.

#include <cstdint>
#include <string>
#include <vector>

#include "base/parameters.h"

namespace shaketable::spec {

ParameterSpec integer(std::string name, std::string about, std::int64_t value, double minimum, double maximum);
ParameterSpec number(std::string name, std::string about, double value, double minimum, double maximum);
ParameterSpec share(std::string name, std::string about, double value = 0);  // 0 to 1
ParameterSpec flag(std::string name, std::string about, bool value);
ParameterSpec text(std::string name, std::string about, std::string value);
ParameterSpec duration(std::string name, std::string about, Nanos value);  // 0 or longer
ParameterSpec duration_range(std::string name, std::string about, DurationRange value);
ParameterSpec choice(std::string name, std::string about, std::vector<std::string> choices, std::string value);
ParameterSpec weights(std::string name, std::string about, Weights value);  // of the names in `value`
ParameterSpec choice_list(std::string name, std::string about, std::vector<std::string> choices,
                          std::vector<std::string> value);

}  // namespace shaketable::spec
