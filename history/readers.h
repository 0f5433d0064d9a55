#pragma once
// Reading histories that others recorded. Streaming: memory does not grow with the file but for what the sink keeps,
// and for the longest single operation (or line), of which at most half a gigabyte is taken.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "history/history.h"

namespace shaketable {

enum class HistoryFormat {
  edn,         // one vector of maps, or one map after another
  json,        // one array
  jsonl,       // one object a line
  jepsen_log,  // "INFO  jepsen.util - 3 :invoke :write 2" (the etcd corpus)
  porcupine_kv,
  awdit,  // "w k v" / "r k v", "=====" new session, "-----" new transaction
};

std::string_view to_string(HistoryFormat format);  // "edn", "jsonl", "jepsen-log", "porcupine-kv" …
std::optional<HistoryFormat> history_format_named(std::string_view name);  // the other way round

// By the content's first bytes where they leave no doubt, else by the name's ending; nullopt when neither tells.
std::optional<HistoryFormat> detect_history_format(std::string_view name, std::string_view first_bytes);

// What the readers make of a process that is no number. One that has a name ("client-a") gets numbers from
// kFirstNamedProcess in order of appearance; an operation without process gets one of its own from
// kFirstNamelessProcess. "nemesis" is kNemesisProcess.
inline constexpr std::int64_t kFirstNamedProcess = std::int64_t{1} << 40;
inline constexpr std::int64_t kFirstNamelessProcess = std::int64_t{1} << 41;

struct ReadOptions {
  std::optional<HistoryFormat> format;  // else by detect_history_format
  bool keyed = false;  // a list of two in `value` is a [key value] tuple (jepsen.independent): kept as such
};

// Operations arrive in the order of the file, whatever their index or time says. Errors are bad_input,
// "file:line:col: found …, expected …" (columns count characters), or what the sink answered. Shapes by format:
//   porcupine_kv  f get, put or append; the value is [key value]
//   awdit         every transaction is an invoke and an ok of f txn by its session's process; the value is a list of
//                 ["w" k v] and ["r" k v], in the invocation ["r" k nil]
//   jepsen_log    a completion of :timed-out has no value and that error; other than a read it is info, whatever it
//   says
Result<ReadNotes> read_history_file(const std::string& path, const ReadOptions& options, OperationSink& sink);
Result<ReadNotes> read_history_text(std::string_view text, std::string_view name, HistoryFormat format,
                                    const ReadOptions& options, OperationSink& sink);

// The operations that a value holds: a list of maps whose keys are strings or keywords (a history inside a larger
// document).
Result<ReadNotes> read_history_value(const Value& list, OperationSink& sink);
Result<History> operations_from_value(const Value& list);

}  // namespace shaketable
