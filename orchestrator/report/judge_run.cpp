#include "orchestrator/report/judge_run.h"

#include <fmt/format.h>

#include "base/log.h"
#include "history/text.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

VerdictRecord record_of(const CheckPlan& check, const Judgement& judgement) {
  VerdictRecord record;
  record.judged_wall_ns = wall_clock_ns();
  record.version = SHAKETABLE_VERSION;
  record.checker = check.checker;
  const Validity valid = judgement.verdict.valid;
  record.valid = valid == Validity::valid ? "true" : valid == Validity::invalid ? "false" : "unknown";
  record.json = to_json(judgement_json(judgement));
  return record;
}

}  // namespace

Result<Outcome> judge_run(const std::string& path, std::vector<CheckPlan> checks, const JudgeBounds& bounds) {
  const auto file = open_run(path);
  if (!file) return Failure(file.error());
  if (file->state() == RunState::running) log::info("{}: the run still goes on; judging what there is so far", path);
  const bool as_planned = checks.empty();
  if (as_planned) {
    const auto planned = file->meta(kMetaChecks);
    if (!planned)
      return bad_input(fmt::format("{}: the run does not say how it is judged; name a checker with --checker", path));
    auto read = checks_from_json(*planned);
    if (!read) return Failure(read.error().in(path));
    checks = std::move(*read);
  }
  auto outcome = read_outcome(*file);
  if (!outcome) return Failure(outcome.error());
  const HistoryStream stream = [&](OperationSink& sink) -> Result<ReadNotes> {
    if (const auto read = file->read(sink); !read) return Failure(read.error());
    return ReadNotes{};
  };
  auto figures = figures_of(stream);
  if (!figures) return Failure(figures.error());
  outcome->figures = std::move(*figures);
  for (std::string& doubt : doubts_about(outcome->figures)) outcome->doubts.push_back(std::move(doubt));

  const auto recorded = file->faults();
  if (!recorded) return Failure(recorded.error());
  std::vector<FaultWindow> faults;
  for (const FaultRecord& fault : *recorded)
    if (fault.actual_start_ns != kNotYet)
      faults.push_back({fault.fault, fault.targets, fault.actual_start_ns,
                        fault.actual_end_ns == kNotYet ? INT64_MAX : fault.actual_end_ns});

  std::vector<VerdictRecord> records;
  for (const CheckPlan& check : checks) {
    auto judgement = judge(check, stream, bounds, faults);
    if (!judgement) return Failure(judgement.error().in(path));
    Verdict& verdict = judgement->verdict;
    if (!file->damage().empty() && verdict.valid == Validity::invalid) {
      verdict.valid = Validity::unknown;
      verdict.reason =
          "parts of the history are lost, so what looks like a violation may not be one: " + verdict.reason;
    }
    records.push_back(record_of(check, *judgement));
    outcome->judgements.push_back(std::move(*judgement));
  }
  if (as_planned && file->state() != RunState::running)
    for (const VerdictRecord& record : records)
      // A run on a read-only medium can be judged all the same.
      if (const auto added = add_verdict(path, record); !added) {
        log::warning("the verdict was not kept: {}", added.error().message);
        break;
      }
  return outcome;
}

}  // namespace shaketable
