#include "base/parameters.h"

#include <cstdio>
#include <cstdlib>

namespace shaketable {

Parameters::Parameters(const std::vector<ParameterSpec>& specs) {
  for (const ParameterSpec& spec : specs)
    if (!spec.required) values_.emplace(spec.name, spec.value);
}

void parameter_bug(std::string_view name, std::string_view what) {
  std::fprintf(stderr, "shaketable: bug: parameter \"%.*s\" %.*s\n", static_cast<int>(name.size()), name.data(),
               static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace shaketable
