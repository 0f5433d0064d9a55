// Any history whatever: every checker of checkers/aggregate ends, and what it calls invalid it can name.

#include "checkers/aggregate/aggregate.h"

#include <cstdio>
#include <cstdlib>

#include "history/readers.h"
#include "history/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shaketable;
  History history;
  HistoryBuilder builder(history);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // What was read before the text went wrong is a history as well.
  if (!read_history_text(text, "x", HistoryFormat::edn, {}, builder) && history.operations.empty()) return 0;
  for (const AggregateInfo& info : aggregate_checkers())
    for (const char* options : {"{}", "{:keyed true}"}) {
      const auto verdict = check_aggregate(info.name, history, *parse_edn(options), Budget());
      if (!verdict || (verdict->valid == Validity::invalid) == verdict->anomalies.empty() ||
          (verdict->valid == Validity::valid) != verdict->reason.empty()) {
        std::fprintf(stderr, "broken promise of %s\n", info.name.c_str());
        std::abort();
      }
    }
  return 0;
}
