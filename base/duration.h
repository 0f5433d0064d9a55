#pragma once
// Durations and sizes as plans and command lines write them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace shaketable {

// "250ms", "1.5s", "2m", "1h", "10us", "0s". A unit is required ("0" alone is not a duration); nullopt if malformed or
// out of range.
std::optional<Nanos> parse_duration(std::string_view text);
// The shortest text with at most three digits after the point: "2s", "1.25s", "340ms", "12us"; from a minute on,
// rounded to seconds: "2m 5s", "1h 3s".
std::string format_duration(Nanos duration);

// "512MiB", "2GiB", "64kB", "1000" (bytes). nullopt if malformed or out of range.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

}  // namespace shaketable
