#include "base/log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <utility>
#include <vector>

namespace shaketable::log {
namespace {

struct State {
  std::mutex mutex;
  Level level = Level::info;
  std::function<void(std::string_view)> copy;
  std::string progress;
  std::vector<std::string> secrets;
};

State& state() {
  static State* instance = new State;  // never destroyed: threads may log while the process ends
  return *instance;
}

// What any secret covers is replaced, so that secrets which overlap, or hold one another, leave no tail.
std::string redact_locked(const State& s, std::string_view text) {
  std::vector<std::pair<std::size_t, std::size_t>> covered;  // [from, to)
  for (const std::string& secret : s.secrets)
    for (std::size_t at = text.find(secret); at != std::string_view::npos; at = text.find(secret, at + 1))
      covered.emplace_back(at, at + secret.size());
  if (covered.empty()) return std::string(text);
  std::sort(covered.begin(), covered.end());
  std::string out;
  std::size_t done = 0;
  for (std::size_t i = 0; i < covered.size();) {
    const std::size_t from = covered[i].first;
    std::size_t to = covered[i].second;
    for (++i; i < covered.size() && covered[i].first < to; ++i) to = std::max(to, covered[i].second);
    out.append(text.substr(done, from - done)).append("[redacted]");
    done = to;
  }
  return out.append(text.substr(done));
}

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

bool colours() {
  static const bool wanted =
      on_terminal() && std::getenv("NO_COLOR") == nullptr;  // NOLINT(concurrency-mt-unsafe): read once
  return wanted;
}

std::string_view label(Level level) {
  switch (level) {
    case Level::debug:
      return "debug: ";
    case Level::info:
      return "";
    case Level::warning:
      return "warning: ";
    case Level::error:
      return "error: ";
  }
  return "";
}

std::string_view colour(Level level) {
  switch (level) {
    case Level::warning:
      return "\x1b[33m";
    case Level::error:
      return "\x1b[31m";
    case Level::debug:
      return "\x1b[2m";
    case Level::info:
      return "";
  }
  return "";
}

}  // namespace

void set_level(Level level) {
  std::lock_guard lock(state().mutex);
  state().level = level;
}

void set_copy(std::function<void(std::string_view)> copy) {
  std::lock_guard lock(state().mutex);
  state().copy = std::move(copy);
}

bool on_terminal() {
  static const bool terminal = isatty(STDERR_FILENO) != 0;
  return terminal;
}

void set_progress(std::string_view text) {
  if (!on_terminal()) return;
  State& s = state();
  std::lock_guard lock(s.mutex);
  s.progress = redact_locked(s, text);
  put(fmt::format("\r\x1b[K{}", s.progress));
}

void keep_secret(std::string_view secret) {
  if (secret.size() < 2) return;
  State& s = state();
  std::lock_guard lock(s.mutex);
  if (std::find(s.secrets.begin(), s.secrets.end(), secret) != s.secrets.end()) return;
  s.secrets.emplace_back(secret);
}

std::string redact(std::string_view text) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  return redact_locked(s, text);
}

void write(Level level, std::string_view message) {
  State& s = state();
  std::lock_guard lock(s.mutex);
  const std::string line = fmt::format("{}{}", label(level), redact_locked(s, message));
  if (s.copy) {
    std::timespec now{};
    std::timespec_get(&now, TIME_UTC);
    std::tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    s.copy(fmt::format("{}.{:03}Z {}\n", stamp, now.tv_nsec / 1'000'000, line));
  }
  if (level < s.level) return;
  if (!s.progress.empty()) put("\r\x1b[K");
  if (colours() && !colour(level).empty())
    put(fmt::format("{}{}\x1b[0m\n", colour(level), line));
  else
    put(line + "\n");
  if (!s.progress.empty()) put(s.progress);
}

}  // namespace shaketable::log
