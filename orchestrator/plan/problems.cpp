#include "orchestrator/plan/problems.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>

#include "base/log.h"

namespace shaketable {
namespace {

constexpr std::size_t kWindow = 100;  // characters of a source line that are shown
constexpr std::size_t kBefore = 60;   // of them, at most this many before the caret when the line is cut

// A character is a byte together with the UTF-8 continuation bytes after it.
bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
}

std::vector<std::string> characters(std::string_view line) {
  std::vector<std::string> out;
  for (char c : line) {
    if (starts_character(c) || out.empty()) out.emplace_back();
    // An escape sequence in a plan must not reach the terminal.
    out.back() += (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F ? '?' : c;
  }
  return out;
}

// The line and, below it, a caret. Tabs are repeated before the caret, so that it stands right at any tab width.
std::string excerpt(std::string_view line, std::size_t column) {
  const std::vector<std::string> all = characters(line);
  if (line.find_first_not_of(" \t") == std::string_view::npos) return "";
  const std::size_t caret = std::min(column - 1, all.size());
  std::size_t begin = 0, end = all.size();
  if (all.size() > kWindow) {
    begin = caret > kBefore ? caret - kBefore : 0;
    begin = std::min(begin, all.size() - kWindow);
    end = begin + kWindow;
  }
  std::string shown = begin > 0 ? "..." : "", below(shown.size(), ' ');
  for (std::size_t i = begin; i < end; ++i) {
    shown += all[i];
    if (i < caret) below += all[i] == "\t" ? "\t" : " ";
  }
  if (end < all.size()) shown += "...";
  return "\n" + shown + "\n" + below + "^";
}

std::string render(const Place& place, std::string_view message) {
  if (!place.source) return std::string(message);
  if (place.source->is_option || place.line == 0) return fmt::format("{}: {}", place.source->name, message);
  const auto line_index = static_cast<std::size_t>(place.line - 1);
  std::string_view line;
  if (line_index < place.source->lines.size()) line = place.source->lines[line_index];
  const auto bytes_before = std::min(static_cast<std::size_t>(std::max(place.column - 1, 0)), line.size());
  const auto column =
      static_cast<std::size_t>(std::count_if(line.begin(), line.begin() + bytes_before, starts_character)) + 1;
  return fmt::format("{}:{}:{}: {}{}", place.source->name, place.line, column, message, excerpt(line, column));
}

}  // namespace

const Source& Problems::add_file(std::string name, std::string_view text) {
  auto source = std::make_unique<Source>();
  source->name = std::move(name);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    source->lines.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  sources_.push_back(std::move(source));
  return *sources_.back();
}

const Source& Problems::add_option(std::string name) {
  sources_.push_back(std::make_unique<Source>(Source{std::move(name), {}, true}));
  return *sources_.back();
}

void Problems::add(const Place& place, std::string message) {
  found_.push_back({place, std::move(message)});
}

Error Problems::error() const {
  std::vector<const Problem*> sorted;
  for (const Problem& problem : found_) sorted.push_back(&problem);
  const auto rank = [this](const Problem* p) {
    std::size_t source = 0;
    while (source < sources_.size() && sources_[source].get() != p->place.source) ++source;
    return std::tuple(p->place.source && p->place.source->is_option, source, p->place.line, p->place.column);
  };
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Problem* a, const Problem* b) { return rank(a) < rank(b); });
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), kShown); ++i) {
    if (i > 0) text += '\n';
    text += render(sorted[i]->place, sorted[i]->message);
  }
  if (sorted.size() > kShown) text += fmt::format("\nand {} more", sorted.size() - kShown);
  return Error{ErrorKind::bad_input, log::redact(text)};
}

}  // namespace shaketable
