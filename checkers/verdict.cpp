#include "checkers/verdict.h"

namespace shaketable {

std::string_view to_string(Validity validity) {
  switch (validity) {
    case Validity::valid:
      return "valid";
    case Validity::invalid:
      return "INVALID";
    case Validity::unknown:
      return "unknown";
  }
  return "?";
}

Validity worst(Validity a, Validity b) {
  if (a == Validity::invalid || b == Validity::invalid) return Validity::invalid;
  if (a == Validity::unknown || b == Validity::unknown) return Validity::unknown;
  return Validity::valid;
}

}  // namespace shaketable
