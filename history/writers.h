#pragma once
// Writing histories for other tools: EDN with Jepsen's names, JSON lines, a JSON array. What is written reads back
// (history/readers.h) as the same operations: from EDN exactly, from JSON but for what JSON cannot say
// (history/text.h).

#include <cstdint>
#include <ostream>
#include <string>

#include "base/result.h"
#include "history/history.h"
#include "history/readers.h"

namespace shaketable {

// One operation a line, in the order of arrival, which `index` counts from 0. Memory: one block. One thread.
// `time` and `due` are left out where they were not recorded, `error` where it is nil; the nemesis is :nemesis or
// "nemesis".
class HistoryWriter final : public OperationSink {
 public:
  // Formats: edn, json, jsonl. bad_input for the others, which cannot say what a history holds.
  static Result<HistoryWriter> to(std::ostream& out, HistoryFormat format);

  // infrastructure when the stream does not take what is written; at the latest finish() says so.
  Result<void> take(Operation operation) override { return write(operation); }
  Result<void> write(const Operation& operation);
  // Must be called after the last operation.
  Result<void> finish();

 private:
  HistoryWriter(std::ostream& out, HistoryFormat format) : out_(&out), format_(format) {}
  void write_edn(const Operation& operation);
  void write_json(const Operation& operation);
  Result<void> flush();

  std::ostream* out_;
  HistoryFormat format_;
  std::string block_;
  std::int64_t index_ = 0;
};

Result<void> export_history(const History& history, HistoryFormat format, std::ostream& out);

}  // namespace shaketable
