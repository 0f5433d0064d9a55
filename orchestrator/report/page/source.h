#pragma once
// What a report is made of, and the parts of its page. Each part is HTML, complete with its heading, or empty when the
// run has nothing for it.

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/report/outcome.h"
#include "orchestrator/report/page/measure.h"
#include "orchestrator/report/page/plot.h"

namespace shaketable::page {

struct Source {
  const RunFile* file = nullptr;
  const Outcome* outcome = nullptr;
  std::string folder;
  std::vector<FaultRecord> faults;  // by id, those that never began among them
  std::vector<ClockOffsetRecord> clocks;
  std::vector<NoteRecord> notes;
  Measures measures;
  Frame frame;
  std::vector<std::int64_t> suspects;        // positions of events that the verdicts name, in order
  std::optional<std::int64_t> violation_ns;  // when the first of the verdicts' violations showed
};

std::string headline(const Source& source);  // the verdict in a sentence, without markup; also the page's title
std::string verdict_part(const Source& source);
std::string faults_part(const Source& source);
std::string reasons_part(const Source& source);
std::string timeline_part(const Source& source);
std::string plots_part(const Source& source, const std::vector<Plot>& plots);
std::string liveness_part(const Source& source);
std::string nodes_part(const Source& source);
std::string logs_part(const Source& source);
std::string run_part(const Source& source);

// Plots as the page's script draws them (`for_svg` false) or as they stand in the page.
std::vector<Plot> plots_of(const Source& source, bool for_svg);
Frame frame_of(const Source& source);
// Positions of events that an anomaly, or all violations of these verdicts, name.
std::vector<std::int64_t> suspects_of(const Anomaly& anomaly);
std::vector<std::int64_t> suspects_of(const std::vector<Judgement>& judgements);
// The operations of the timeline, with their values: read again, for values are not kept in Measures.
Result<Value> timeline_json(const Source& source);

std::string seconds(std::int64_t ns);   // "12.345 s"; "–" for kNotYet
std::string duration(std::int64_t ns);  // "340ms"; "–" if it is negative

}  // namespace shaketable::page
