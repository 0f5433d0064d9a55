#pragma once
// What every reader promises about any bytes whatever: it ends, without crash, and either refuses them with file, line
// and column, or gives operations that are written and read back equal.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <string_view>

#include "history/readers.h"
#include "history/text.h"
#include "history/writers.h"

namespace shaketable {

inline void require(bool truth, const char* what, const std::string& detail = {}) {
  if (truth) return;
  std::fprintf(stderr, "broken promise: %s\n%s\n", what, detail.c_str());
  std::abort();
}

inline bool same(const Operation& a, const Operation& b) {
  return a.type == b.type && a.process == b.process && a.f == b.f && a.time_ns == b.time_ns && a.value == b.value &&
         a.error == b.error;
}

inline int fuzz_reader(HistoryFormat format, const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  detect_history_format("x", text);
  History history;
  HistoryBuilder builder(history);
  const auto read = read_history_text(text, "x", format, {}, builder);
  if (!read) {
    require(read.error().kind == ErrorKind::bad_input, "what is refused is bad input", read.error().message);
    require(read.error().message.starts_with("x:"), "the refusal names the file", read.error().message);
    require(read.error().message.find(", expected ") != std::string::npos, "the refusal says what was expected",
            read.error().message);
    return 0;
  }
  std::ostringstream written;
  require(export_history(history, HistoryFormat::edn, written).has_value(), "a history can be written");
  History again;
  HistoryBuilder second(again);
  const auto back = read_history_text(written.str(), "y", HistoryFormat::edn, {}, second);
  require(back.has_value(), "what was written can be read", back ? "" : back.error().message + "\n" + written.str());
  require(history.operations.size() == again.operations.size(), "no operation is lost", written.str());
  for (std::size_t i = 0; i < history.operations.size(); ++i)
    require(same(history.operations[i], again.operations[i]), "operations read back equal", written.str());

  std::ostringstream lines;
  require(export_history(history, HistoryFormat::jsonl, lines).has_value(), "a history can be written");
  History third;
  HistoryBuilder third_builder(third);
  const auto from_json = read_history_text(lines.str(), "z", HistoryFormat::jsonl, {}, third_builder);
  require(from_json.has_value(), "what was written as JSON can be read",
          from_json ? "" : from_json.error().message + "\n" + lines.str());
  require(history.operations.size() == third.operations.size(), "no operation is lost in JSON", lines.str());
  for (std::size_t i = 0; i < history.operations.size(); ++i)
    require(same(history.operations[i], third.operations[i]), "operations read back equal from JSON", lines.str());
  return 0;
}

}  // namespace shaketable
