#pragma once
// The readers, one for each format. Internal to history/: readers.h is the way in.

#include "base/result.h"
#include "history/history.h"
#include "history/read_window.h"
#include "history/readers.h"

namespace shaketable {

Result<ReadNotes> read_edn(InputWindow& window, OperationSink& sink);
Result<ReadNotes> read_json_array(InputWindow& window, OperationSink& sink);
Result<ReadNotes> read_jsonl(InputWindow& window, OperationSink& sink);
Result<ReadNotes> read_jepsen_log(InputWindow& window, OperationSink& sink);
Result<ReadNotes> read_porcupine_kv(InputWindow& window, OperationSink& sink);
Result<ReadNotes> read_awdit(InputWindow& window, OperationSink& sink);

}  // namespace shaketable
