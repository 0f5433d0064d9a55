#pragma once
// Reading histories that others recorded. Streaming: memory does not grow with the file but for what the sink keeps.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "history/history.h"

namespace shaketable {

enum class HistoryFormat {
  edn,         // one vector of maps, or one map a line
  json,        // one array
  jsonl,       // one object a line
  jepsen_log,  // "INFO  jepsen.util - 3 :invoke :write 2" (the etcd corpus)
  porcupine_kv,
  awdit,       // "w k v" / "r k v", "=====" new session, "-----" new transaction
};

struct ReadOptions {
  std::optional<HistoryFormat> format;  // else by the file's name and first bytes
  bool keyed = false;                   // a list of two in `value` is a [key value] tuple (jepsen.independent): kept as such
};

// Errors are bad_input: "file:line:col: what was found, what was expected".
Result<ReadNotes> read_history_file(const std::string& path, const ReadOptions& options, OperationSink& sink);
Result<ReadNotes> read_history_text(std::string_view text, std::string_view name, HistoryFormat format, const ReadOptions& options,
                                    OperationSink& sink);

}  // namespace shaketable
