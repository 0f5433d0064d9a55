#include "orchestrator/report/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/duration.h"
#include "history/text.h"
#include "orchestrator/report/findings.h"
#include "orchestrator/report/verdict_text.h"

namespace shaketable {
namespace {

bool is_empty(const Value& proof) {
  return proof.is_nil();
}

// A fault's proof is a map with "bit": true or false; without one nobody looked.
bool proved(const Value& proof) {
  if (proof.kind() != Value::Kind::map) return false;
  const Value* bit = proof.find("bit");
  return bit && bit->kind() == Value::Kind::boolean && bit->boolean();
}

FaultCounts count_faults(const std::vector<FaultRecord>& faults) {
  FaultCounts counts;
  for (const FaultRecord& fault : faults) {
    if (fault.actual_start_ns == kNotYet) continue;  // planned, but the run ended before
    ++counts.applied;
    const Value* text = fault.parameters.kind() == Value::Kind::map ? fault.parameters.find("text") : nullptr;
    counts.applied_ones.push_back({fault.id, fault.fault,
                                   text && text->kind() == Value::Kind::string ? std::string(text->text()) : "",
                                   fault.targets, fault.actual_start_ns, fault.actual_end_ns, proved(fault.proof),
                                   fault.undo == UndoState::verified});
    if (fault.undo == UndoState::verified) ++counts.verified;
    if (proved(fault.proof))
      ++counts.proved;
    else
      counts.unproved.push_back(fmt::format("{} {}: {}", fault.fault, fault.id,
                                            is_empty(fault.proof) ? "no proof was taken" : to_json(fault.proof)));
  }
  return counts;
}

Judgement recovery_judgement(const Value& recovery) {
  Judgement judgement;
  judgement.verdict.checker = "recovery";
  const Value* healthy = recovery.find("healthy");
  if (healthy && healthy->kind() == Value::Kind::boolean && healthy->boolean()) {
    judgement.verdict.valid = Validity::valid;
    const Value* after = recovery.find("after_ns");
    if (after && after->is_integer())
      judgement.verdict.explanation =
          fmt::format("healthy {} after the faults were undone", format_duration(Nanos(after->integer())));
  } else {
    judgement.verdict.valid = Validity::invalid;
    const Value* why = recovery.find("why");
    judgement.verdict.reason =
        fmt::format("liveness: the system did not come back after the faults were undone: {}",
                    why && why->kind() == Value::Kind::string ? why->text() : std::string_view("no reason recorded"));
    judgement.verdict.anomalies["no-recovery"].push_back({judgement.verdict.reason, recovery});
  }
  judgement.verdict.details = recovery;
  return judgement;
}

}  // namespace

Validity Outcome::validity() const {
  Validity validity = doubts.empty() ? Validity::valid : Validity::unknown;
  if (std::all_of(judgements.begin(), judgements.end(), is_from_watch)) validity = Validity::unknown;
  for (const Judgement& judgement : judgements) validity = worst(validity, judgement.verdict.valid);
  return validity;
}

ExitCode Outcome::code() const {
  ExitCode code = ExitCode::pass;
  const Validity v = validity();
  if (v == Validity::invalid) code = worse(code, ExitCode::violation);
  if (v == Validity::unknown) code = worse(code, ExitCode::unknown);
  if (!unclean_nodes.empty()) code = worse(code, ExitCode::unclean);
  if (!infrastructure.empty()) code = worse(code, ExitCode::infrastructure);
  if (interrupted) code = worse(code, ExitCode::interrupted);
  return code;
}

Result<Outcome> read_outcome(const RunFile& file) {
  Outcome outcome;
  outcome.run = file.path();
  if (const auto slash = outcome.run.rfind('/'); slash != std::string::npos) outcome.run.resize(slash);
  outcome.plan = file.info().name;
  outcome.system = file.info().system;
  outcome.seed = file.info().seed;
  outcome.repeat = file.meta(kMetaRepeat).value_or("");
  outcome.model = file.meta(kMetaModel).value_or("");
  outcome.infrastructure = file.meta(kMetaInfrastructure).value_or("");
  outcome.interrupted = file.why_ended() == kWhyInterrupted;
  const auto faults = file.faults();
  if (!faults) return Failure(faults.error());
  outcome.faults = count_faults(*faults);
  const auto offsets = file.clock_offsets();
  if (!offsets) return Failure(offsets.error());
  outcome.clocks = clock_report(*offsets, *faults);
  if (const auto text = file.meta(kMetaUncleanNodes)) {
    const auto nodes = parse_json(*text);
    if (!nodes || nodes->kind() != Value::Kind::map)
      return bad_input(fmt::format("{}: meta {} is not a JSON object", file.path(), kMetaUncleanNodes));
    for (std::size_t i = 0; i + 1 < nodes->items().size(); i += 2)
      outcome.unclean_nodes.emplace_back(nodes->items()[i].text(), nodes->items()[i + 1].text());
  } else if (file.state() == RunState::interrupted && outcome.faults.applied > outcome.faults.verified) {
    outcome.notes.push_back(
        "the controller died while a fault was in force; prove the nodes clean with: shaketable heal PLAN");
  }
  if (const auto text = file.meta(kMetaRecovery)) {
    const auto recovery = parse_json(*text);
    if (!recovery || recovery->kind() != Value::Kind::map)
      return bad_input(fmt::format("{}: meta {} is not a JSON object", file.path(), kMetaRecovery));
    outcome.judgements.push_back(recovery_judgement(*recovery));
  }
  if (const auto text = file.meta(kMetaFindings)) {
    const auto findings = parse_json(*text);
    if (!findings) return Failure(findings.error().in(file.path()));
    auto judgements = findings_judgements(*findings, *faults);
    if (!judgements) return Failure(judgements.error().in(file.path()));
    std::move(judgements->begin(), judgements->end(), std::back_inserter(outcome.judgements));
  }
  if (outcome.faults.applied > 0 && outcome.faults.proved == 0)
    outcome.doubts.push_back("no fault was shown to bite, so the run says nothing about faults");
  for (const std::string& damage : file.damage()) outcome.notes.push_back("damaged: " + damage);
  return outcome;
}

std::string outcome_text(const Outcome& outcome) {
  std::string out;
  switch (outcome.validity()) {
    case Validity::valid:
      out = fmt::format("VALID: {} kept its promises{}.\n", outcome.system,
                        outcome.faults.applied ? fmt::format(" through {} fault{}", outcome.faults.applied,
                                                             outcome.faults.applied == 1 ? "" : "s")
                                               : "");
      break;
    case Validity::invalid:
      out = fmt::format("INVALID: {} broke a promise.\n", outcome.system);
      break;
    case Validity::unknown:
      out = outcome.infrastructure.empty() ? "UNKNOWN: this run does not decide whether the promises were kept.\n"
                                           : "FAILED: the run could not be carried through, so it decides nothing.\n";
      break;
  }
  for (const std::string& doubt : outcome.doubts) out += fmt::format("  because {}\n", doubt);
  for (const Judgement& judgement : outcome.judgements) {
    if (judgement.verdict.checker == "recovery") {
      out += fmt::format("  recovery: {}\n", judgement.verdict.valid == Validity::valid ? judgement.verdict.explanation
                                                                                        : judgement.verdict.reason);
      continue;
    }
    const std::string text = is_from_watch(judgement) ? findings_text(judgement) : judgement_text(judgement);
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      out += fmt::format("  {}\n", text.substr(start, end - start));
      start = end + 1;
    }
  }
  if (outcome.faults.applied) {
    out += fmt::format("  faults: {} applied, {} proved, {} undone and verified\n", outcome.faults.applied,
                       outcome.faults.proved, outcome.faults.verified);
    for (const std::string& unproved : outcome.faults.unproved) out += fmt::format("    not proved: {}\n", unproved);
  }
  if (!outcome.model.empty()) out += fmt::format("  model: {}\n", outcome.model);
  if (outcome.unclean_nodes.empty()) {
    if (outcome.faults.applied) out += "  nodes: all clean\n";
  } else {
    out += "  NODES NOT PROVED CLEAN (do not use them before `shaketable heal` says so):\n";
    for (const auto& [node, why] : outcome.unclean_nodes) out += fmt::format("    {}: {}\n", node, why);
  }
  for (const StrayClock& stray : outcome.clocks.strayed) out += fmt::format("  clock: {}\n", stray_text(stray));
  if (outcome.clocks.all_alike)
    out += "  clock: the nodes agree with each other, so it may be the controller's clock that is wrong\n";
  if (!outcome.infrastructure.empty()) out += fmt::format("  infrastructure failed: {}\n", outcome.infrastructure);
  if (outcome.interrupted) out += "  interrupted: the load was ended early\n";
  for (const std::string& note : outcome.notes) out += fmt::format("  note: {}\n", note);
  out += fmt::format("  run:   {}\n", outcome.run);
  if (!outcome.repeat.empty()) out += fmt::format("  again: {}\n", outcome.repeat);
  return out;
}

namespace {

Value clocks_json(const ClockReport& clocks) {
  std::vector<std::pair<Value, Value>> nodes;
  for (const NodeClock& node : clocks.nodes)
    nodes.emplace_back(node.node, Value::map({{"readings", node.readings},
                                              {"least_ns", node.least_ns},
                                              {"most_ns", node.most_ns},
                                              {"uncertainty_ns", node.uncertainty_ns}}));
  return Value::map(std::move(nodes));
}

Value strayed_json(const ClockReport& clocks) {
  std::vector<Value> list;
  for (const StrayClock& stray : clocks.strayed)
    list.push_back(Value::map({{"node", stray.node},
                               {"offset_ns", stray.worst.offset_ns},
                               {"uncertainty_ns", stray.worst.uncertainty_ns},
                               {"time_ns", stray.worst.time_ns},
                               {"first_ns", stray.first_ns},
                               {"readings", stray.readings},
                               {"after", stray.after},
                               {"text", stray_text(stray)}}));
  return Value::list(std::move(list));
}

}  // namespace

Value outcome_json(const Outcome& outcome) {
  std::vector<Value> checkers;
  Value first;
  for (const Judgement& judgement : outcome.judgements) {
    checkers.push_back(judgement_json(judgement));
    if (first.is_nil() && judgement.verdict.checker != "recovery" && !is_from_watch(judgement)) first = checkers.back();
  }
  std::vector<std::pair<Value, Value>> unclean;
  for (const auto& [node, why] : outcome.unclean_nodes) unclean.emplace_back(node, why);
  std::vector<std::pair<Value, Value>> entries{
      {"schema", 1},
      {"valid", validity_json(outcome.validity())},
      {"exit_code", static_cast<int>(outcome.code())},
      {"run", outcome.run},
      {"plan", outcome.plan},
      {"system", outcome.system},
      {"model", outcome.model},
      {"seed", static_cast<std::int64_t>(outcome.seed)},
      {"repeat", outcome.repeat},
      {"checkers", Value::list(std::move(checkers))},
      {"unclean_nodes", Value::map(std::move(unclean))},
      {"figures", figures_json(outcome.figures)},
      {"faults", Value::map({{"applied", static_cast<std::int64_t>(outcome.faults.applied)},
                             {"proved", static_cast<std::int64_t>(outcome.faults.proved)},
                             {"undone", static_cast<std::int64_t>(outcome.faults.verified)}})},
      {"clocks", clocks_json(outcome.clocks)},
      {"strayed_clocks", strayed_json(outcome.clocks)},
      {"doubts", Value::list({outcome.doubts.begin(), outcome.doubts.end()})},
      {"notes", Value::list({outcome.notes.begin(), outcome.notes.end()})},
      {"infrastructure", outcome.infrastructure},
      {"interrupted", outcome.interrupted}};
  // The fields of DESIGN's one-checker object stand at the top too, from the plan's first checker.
  if (!first.is_nil())
    for (const char* key : {"checker", "operations", "seconds", "anomalies", "not", "also_not", "reason"})
      if (const Value* value = first.find(key)) entries.emplace_back(key, *value);
  return Value::map(std::move(entries));
}

Value checks_json(const std::vector<CheckPlan>& checks) {
  std::vector<Value> list;
  for (const CheckPlan& check : checks) {
    std::vector<std::pair<Value, Value>> options;
    if (const CheckerInfo* info = find_checker(check.checker))
      for (const ParameterSpec& spec : info->parameters) {
        const ParameterValue value = parameter_of(check.options, spec);
        if (value != spec.value) options.emplace_back(spec.name, parameter_value(value));
      }
    list.push_back(Value::map({{"checker", check.checker}, {"options", Value::map(std::move(options))}}));
  }
  return Value::list(std::move(list));
}

Result<std::vector<CheckPlan>> checks_from_json(std::string_view text) {
  const auto parsed = parse_json(text);
  if (!parsed || !parsed->is_list())
    return bad_input("the run's file does not say how it is judged; name a checker with --checker");
  std::vector<CheckPlan> checks;
  for (const Value& entry : parsed->items()) {
    const Value* name = entry.kind() == Value::Kind::map ? entry.find("checker") : nullptr;
    const Value* options = name ? entry.find("options") : nullptr;
    if (!name || name->kind() != Value::Kind::string || !options || options->kind() != Value::Kind::map)
      return bad_input("the run's list of checks is malformed; name a checker with --checker");
    CheckPlan check;
    check.checker = name->text();
    const CheckerInfo* info = find_checker(check.checker);
    if (!info)
      return bad_input(fmt::format("the run was judged by \"{}\", which this version does not have", check.checker));
    check.options = Parameters(info->parameters);
    for (const ParameterSpec& spec : info->parameters) {
      const Value* value = options->find(spec.name);
      if (!value) continue;
      auto parameter = parameter_from(*value, spec);
      if (!parameter)
        return bad_input(fmt::format("the run's check \"{}\" has an option \"{}\" that this version cannot read",
                                     check.checker, spec.name));
      check.options.set(spec.name, std::move(*parameter));
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

Result<Judgement> recorded_judgement(const VerdictRecord& record) {
  const auto json = parse_json(record.json);
  if (!json || json->kind() != Value::Kind::map)
    return bad_input(fmt::format("the recorded verdict of \"{}\" is not a JSON object", record.checker));
  auto text_of = [&](const char* key) {
    const Value* value = json->find(key);
    return value && value->kind() == Value::Kind::string ? std::string(value->text()) : std::string();
  };
  Judgement judgement;
  Verdict& v = judgement.verdict;
  v.checker = record.checker;
  v.valid = record.valid == "true" ? Validity::valid : record.valid == "false" ? Validity::invalid : Validity::unknown;
  v.reason = text_of("reason");
  v.explanation = text_of("explanation");
  if (const Value* n = json->find("operations"); n && n->is_integer()) v.operations = n->integer();
  if (const Value* s = json->find("seconds"); s && s->kind() == Value::Kind::real) judgement.seconds = s->real();
  if (const Value* details = json->find("details")) v.details = *details;
  const auto texts_of = [&](const char* key, std::vector<std::string>& into) {
    if (const Value* names = json->find(key); names && names->is_list())
      for (const Value& name : names->items())
        if (name.kind() == Value::Kind::string) into.emplace_back(name.text());
  };
  texts_of("not", v.not_models);
  texts_of("also_not", v.also_not);
  texts_of("notes", judgement.notes);
  const Value* anomalies = json->find("anomalies");
  for (std::size_t i = 0; anomalies && anomalies->kind() == Value::Kind::map && i + 1 < anomalies->items().size();
       i += 2) {
    const Value &name = anomalies->items()[i], &found = anomalies->items()[i + 1];
    if (!found.is_list()) continue;
    for (const Value& one : found.items()) {
      if (one.kind() != Value::Kind::map) continue;
      const Value *text = one.find("text"), *details = one.find("details");
      v.anomalies[std::string(name.text())].push_back(
          {text && text->kind() == Value::Kind::string ? std::string(text->text()) : std::string(),
           details ? *details : Value()});
    }
  }
  return judgement;
}

}  // namespace shaketable
