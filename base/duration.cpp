#include "base/duration.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace shaketable {
namespace {

// Splits "1.5s" into 1.5 and "s"; no signs, no exponents, no leading dot.
std::optional<std::pair<double, std::string_view>> split_number(std::string_view text) {
  std::size_t end = 0;
  bool dot = false;
  while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || (text[end] == '.' && !dot && end > 0))) {
    dot = dot || text[end] == '.';
    ++end;
  }
  if (end == 0 || text[end - 1] == '.') return std::nullopt;
  double number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + end, number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + end) return std::nullopt;
  return std::pair{number, text.substr(end)};
}

std::string trimmed(double number) {
  std::string text = fmt::format("{:.3f}", number);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

}  // namespace

std::optional<Nanos> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 6> units{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  const auto split = split_number(text);
  if (!split) return std::nullopt;
  for (const auto& [name, scale] : units) {
    if (split->second != name) continue;
    const double ns = split->first * scale;
    if (ns > 9e18) return std::nullopt;
    return Nanos(std::llround(ns));
  }
  return std::nullopt;
}

std::string format_duration(Nanos duration) {
  const std::int64_t ns = duration.count();
  if (ns < 0) return "-" + format_duration(-duration);
  if (ns < 1'000) return fmt::format("{}ns", ns);
  if (ns < 1'000'000) return trimmed(ns / 1e3) + "us";
  if (ns < 1'000'000'000) return trimmed(ns / 1e6) + "ms";
  if (ns < 60'000'000'000) return trimmed(ns / 1e9) + "s";
  const std::int64_t seconds = ns / 1'000'000'000;
  const std::int64_t hours = seconds / 3600, minutes = seconds / 60 % 60;
  std::string text;
  if (hours) text += fmt::format("{}h", hours);
  if (minutes) text += fmt::format("{}{}m", text.empty() ? "" : " ", minutes);
  if (seconds % 60) text += fmt::format("{}{}s", text.empty() ? "" : " ", seconds % 60);
  return text;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 10> units{{{"", 1},
                                                                              {"B", 1},
                                                                              {"kB", 1e3},
                                                                              {"MB", 1e6},
                                                                              {"GB", 1e9},
                                                                              {"KiB", 1024.0},
                                                                              {"MiB", 1048576.0},
                                                                              {"GiB", 1073741824.0},
                                                                              {"TB", 1e12},
                                                                              {"TiB", 1099511627776.0}}};
  const auto split = split_number(text);
  if (!split) return std::nullopt;
  for (const auto& [name, scale] : units) {
    if (split->second != name) continue;
    const double bytes = split->first * scale;
    if (bytes > 9e18) return std::nullopt;
    return static_cast<std::uint64_t>(std::llround(bytes));
  }
  return std::nullopt;
}

std::string format_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  double number = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (number >= 1024 && unit + 1 < units.size()) {
    number /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", number, units[unit]);
}

}  // namespace shaketable
