#include "nemesis/node_side.h"

namespace shaketable {

std::string_view to_string(Cleanliness state) {
  switch (state) {
    case Cleanliness::clean:
      return "clean";
    case Cleanliness::unclean:
      return "unclean";
    case Cleanliness::unknown:
      return "unknown";
  }
  return "unknown";
}

}  // namespace shaketable
