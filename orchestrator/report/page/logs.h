#pragma once
// What the logs of a run's folder say around a moment.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shaketable::page {

struct LogExcerpt {
  std::string file;  // below the run's folder: "logs/n1/etcd.log"
  std::vector<std::string> lines;
  bool around = false;       // lines near the moment; else the file's last ones, its times could not be read
  std::size_t left_out = 0;  // lines near the moment that did not fit
};

// The time that a line of a log bears, in nanoseconds since 1970: "2026-11-21T04:52:35.629Z", with a blank for the T, a
// comma for the point or +01:00 for the Z; "21 Nov 2026 04:52:35.629". Without a zone it is read as UTC.
std::optional<std::int64_t> time_of(std::string_view line);

// `wall_ns` empty: the last lines of each file.
std::vector<LogExcerpt> log_excerpts(const std::string& folder, std::optional<std::int64_t> wall_ns);

}  // namespace shaketable::page
