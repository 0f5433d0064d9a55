#pragma once
// The log: plain lines on stderr (stdout is data), optionally copied to the run's folder. Secrets that were announced
// with keep_secret() never appear in it. All functions may be called by any thread.

#include <fmt/format.h>

#include <functional>
#include <string>
#include <string_view>

namespace shaketable::log {

enum class Level { debug, info, warning, error };

void set_level(Level level);

// Where lines go besides stderr (the run's log file); an empty function ends it.
void set_copy(std::function<void(std::string_view line)> copy);

// The live progress line: drawn in place under the log when stderr is a terminal, and kept below later log lines.
// On anything else it is not drawn at all (the caller prints plain lines at its own pace). Empty text removes it.
bool on_terminal();
void set_progress(std::string_view text);

// From now on `secret` is written as "[redacted]" by the log and by redact(). Empty and one-letter secrets are ignored.
void keep_secret(std::string_view secret);
std::string redact(std::string_view text);

void write(Level level, std::string_view message);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace shaketable::log
