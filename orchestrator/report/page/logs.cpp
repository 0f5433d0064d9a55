#include "orchestrator/report/page/logs.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>

namespace shaketable::page {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBefore = 2'000'000'000, kAfter = 1'000'000'000;
constexpr std::size_t kLinesMax = 60, kLastLines = 15, kLineBytes = 600, kFilesMax = 24;
constexpr std::size_t kTimeWithin = 120;  // of a line: its time stands at the beginning

int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int number = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!std::isdigit(static_cast<unsigned char>(text[i]))) return -1;
    number = number * 10 + (text[i] - '0');
  }
  return number;
}

// "04:52:35", with a fraction and a zone if there are any.
std::optional<std::int64_t> time_of_day(std::string_view text, std::size_t at) {
  const int hour = digits(text, at, 2), minute = digits(text, at + 3, 2), second = digits(text, at + 6, 2);
  if (hour < 0 || minute < 0 || second < 0 || text[at + 2] != ':' || text[at + 5] != ':') return std::nullopt;
  std::int64_t ns = ((hour * 60LL + minute) * 60 + second) * 1'000'000'000;
  at += 8;
  if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
    ++at;
    for (std::int64_t unit = 100'000'000; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at]));
         ++at) {
      ns += (text[at] - '0') * unit;
      unit /= 10;
    }
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    const int hours = digits(text, at + 1, 2);
    const bool colon = at + 3 < text.size() && text[at + 3] == ':';
    const int minutes = digits(text, at + (colon ? 4 : 3), 2);
    if (hours >= 0 && minutes >= 0) ns -= (text[at] == '+' ? 1 : -1) * (hours * 60LL + minutes) * 60'000'000'000;
  }
  return ns;
}

std::optional<std::int64_t> day(int year, int month, int number) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(number))};
  if (year < 1970 || month < 1 || number < 1 || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * 86'400'000'000'000;
}

struct File {
  std::string path, name;
};

std::vector<File> files_of(const std::string& folder) {
  std::vector<File> files;
  std::error_code problem;
  for (fs::recursive_directory_iterator at(folder + "/logs", problem), end; !problem && at != end;
       at.increment(problem))
    if (at->is_regular_file(problem) && !problem)
      files.push_back({at->path().string(), fs::relative(at->path(), folder, problem).string()});
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.name < b.name; });
  if (fs::exists(folder + "/shaketable.log", problem))
    files.insert(files.begin(), File{folder + "/shaketable.log", "shaketable.log"});
  if (files.size() > kFilesMax) files.resize(kFilesMax);
  return files;
}

std::string shortened(std::string line) {
  if (line.size() > kLineBytes) line = line.substr(0, kLineBytes) + "…";
  return line;
}

}  // namespace

std::optional<std::int64_t> time_of(std::string_view line) {
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::string_view head = line.substr(0, kTimeWithin);
  for (std::size_t at = 0; at + 19 <= head.size(); ++at) {
    if (at > 0 && std::isalnum(static_cast<unsigned char>(head[at - 1]))) continue;
    std::optional<std::int64_t> date;
    std::size_t time = 0;
    if (head[at + 4] == '-' && head[at + 7] == '-' && (head[at + 10] == 'T' || head[at + 10] == ' ')) {
      date = day(digits(head, at, 4), digits(head, at + 5, 2), digits(head, at + 8, 2));
      time = at + 11;
    } else if (head[at + 2] == ' ' && head[at + 6] == ' ' && head[at + 11] == ' ') {
      const auto month = std::find(months.begin(), months.end(), head.substr(at + 3, 3));
      if (month != months.end())
        date = day(digits(head, at + 7, 4), static_cast<int>(month - months.begin()) + 1, digits(head, at, 2));
      time = at + 12;
    }
    if (!date) continue;
    if (const auto of_day = time_of_day(line, time)) return *date + *of_day;
  }
  return std::nullopt;
}

std::vector<LogExcerpt> log_excerpts(const std::string& folder, std::optional<std::int64_t> wall_ns) {
  std::vector<LogExcerpt> excerpts;
  for (const File& file : files_of(folder)) {
    LogExcerpt excerpt;
    excerpt.file = file.name;
    std::deque<std::string> last;
    std::ifstream in(file.path, std::ios::binary);
    bool timed = false;
    bool near = false;  // a line without a time belongs to the one before it
    for (std::string line; std::getline(in, line);) {
      if (wall_ns) {
        if (const auto time = time_of(line)) {
          timed = true;
          near = *time >= *wall_ns - kBefore && *time <= *wall_ns + kAfter;
        }
        if (near) {
          if (excerpt.lines.size() < kLinesMax)
            excerpt.lines.push_back(shortened(line));
          else
            ++excerpt.left_out;
        }
      }
      last.push_back(shortened(std::move(line)));
      if (last.size() > kLastLines) last.pop_front();
    }
    excerpt.around = timed;
    if (!timed) excerpt.lines.assign(last.begin(), last.end());
    if (!excerpt.lines.empty()) excerpts.push_back(std::move(excerpt));
  }
  return excerpts;
}

}  // namespace shaketable::page
