#include "nemesis/fault_log.h"

namespace shaketable {

std::string_view to_string(Applied applied) {
  switch (applied) {
    case Applied::pending:
      return "pending";
    case Applied::done:
      return "done";
    case Applied::failed:
      return "failed";
    case Applied::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(Undone undone) {
  switch (undone) {
    case Undone::pending:
      return "pending";
    case Undone::verified:
      return "verified";
    case Undone::failed:
      return "failed";
    case Undone::unknown:
      return "unknown";
  }
  return "unknown";
}

void add_note(std::string& notes, std::string_view text) {
  if (!notes.empty()) notes += "; ";
  notes += text;
}

}  // namespace shaketable
