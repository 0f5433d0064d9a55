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

// A whole number times a whole scale, without the rounding of a double; else as split_number has it.
std::optional<std::uint64_t> scaled(std::string_view text, const std::pair<double, std::string_view>& split,
                                    double scale) {
  constexpr double kLargest = 9e18;
  const double product = split.first * scale;
  if (!(product <= kLargest)) return std::nullopt;
  const std::string_view digits = text.substr(0, text.size() - split.second.size());
  if (digits.find('.') != std::string_view::npos) return static_cast<std::uint64_t>(std::llround(product));
  std::uint64_t whole = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), whole);  // fits: the product is smaller
  return whole * static_cast<std::uint64_t>(scale);
}

}  // namespace

std::optional<Nanos> parse_duration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 6> units{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  const auto split = split_number(text);
  if (!split) return std::nullopt;
  for (const auto& [name, scale] : units) {
    if (split->second != name) continue;
    const auto ns = scaled(text, *split, scale);
    if (!ns) return std::nullopt;
    return Nanos(static_cast<std::int64_t>(*ns));
  }
  return std::nullopt;
}

std::string format_duration(Nanos duration) {
  const std::int64_t signed_ns = duration.count();
  const bool negative = signed_ns < 0;
  const std::uint64_t ns = negative ? 0 - static_cast<std::uint64_t>(signed_ns) : static_cast<std::uint64_t>(signed_ns);
  const std::string sign = negative ? "-" : "";
  const auto number = static_cast<double>(ns);
  // Each limit is what would be rounded up to the next unit: 999.9996us is 1ms.
  if (ns < 1'000) return fmt::format("{}{}ns", sign, ns);
  if (ns < 999'999'500 / 1'000) return sign + trimmed(number / 1e3) + "us";
  if (ns < 999'999'500) return sign + trimmed(number / 1e6) + "ms";
  if (ns < 59'999'500'000) return sign + trimmed(number / 1e9) + "s";
  const std::uint64_t seconds = ns / 1'000'000'000 + (ns % 1'000'000'000 >= 500'000'000);
  const std::uint64_t hours = seconds / 3600, minutes = seconds / 60 % 60;
  std::string text = sign;
  const auto put = [&](std::uint64_t count, char unit) {
    if (count == 0) return;
    if (text.size() > sign.size()) text += ' ';
    text += fmt::format("{}{}", count, unit);
  };
  put(hours, 'h');
  put(minutes, 'm');
  put(seconds % 60, 's');
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
    return scaled(text, *split, scale);
  }
  return std::nullopt;
}

std::string format_size(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double number = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (number >= 1023.95 && unit + 1 < units.size()) {  // what would print as 1024.0 belongs to the next unit
    number /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", number, units[unit]);
}

}  // namespace shaketable
