#include "orchestrator/fault_recorder.h"

#include "base/log.h"

namespace shaketable {
namespace {

ApplyState state_of(Applied applied) {
  switch (applied) {
    case Applied::pending:
      return ApplyState::pending;
    case Applied::done:
      return ApplyState::done;
    case Applied::failed:
      return ApplyState::failed;
    case Applied::unknown:
      return ApplyState::unknown;
  }
  return ApplyState::unknown;
}

UndoState state_of(Undone undone) {
  switch (undone) {
    case Undone::pending:
      return UndoState::pending;
    case Undone::verified:
      return UndoState::verified;
    case Undone::failed:
      return UndoState::failed;
    case Undone::unknown:
      return UndoState::unknown;
  }
  return UndoState::unknown;
}

std::int64_t time_of(const std::optional<Nanos>& time) {
  return time ? time->count() : kNotYet;
}

// {"bit": true, …}: what outcome.cpp reads; without "bit" nobody looked.
Value proof_of(const std::optional<bool>& bit, const std::vector<std::pair<std::string, ProofValue>>& proof) {
  std::vector<std::pair<Value, Value>> entries;
  if (bit) entries.emplace_back("bit", *bit);
  for (const auto& [name, value] : proof)
    entries.emplace_back(name, std::visit([](const auto& v) { return Value(v); }, value));
  return entries.empty() ? Value() : Value::map(std::move(entries));
}

}  // namespace

FaultRecord fault_record(const FaultReport& report) {
  FaultRecord record;
  record.id = report.id;
  record.fault = report.fault;
  std::vector<std::pair<Value, Value>> parameters;
  for (const auto& [name, value] : report.parameters) parameters.emplace_back(name, value);
  parameters.emplace_back("text", report.text);
  record.parameters = Value::map(std::move(parameters));
  record.targets = report.targets;
  record.intended_start_ns = report.intended_start.count();
  record.intended_end_ns = report.intended_end.count();
  record.actual_start_ns = time_of(report.actual_start);
  record.actual_end_ns = time_of(report.actual_end);
  record.undo = state_of(report.undone);
  record.proof = proof_of(report.bit, {});
  for (const NodeReport& node : report.nodes) {
    FaultNodeRecord kept;
    kept.node = node.node;
    kept.apply = state_of(node.applied);
    kept.undo = state_of(node.undone);
    kept.applied_ns = time_of(node.applied_at);
    kept.undone_ns = time_of(node.undone_at);
    auto proof = node.proof;
    proof.emplace_back("applied_within_ns", static_cast<std::int64_t>(node.applied_within.count()));
    kept.proof = proof_of(node.bit, proof);
    kept.notes = node.notes;
    record.nodes.push_back(std::move(kept));
  }
  record.notes = report.notes;
  return record;
}

void FaultRecorder::record(const FaultReport& report) {
  if (const auto kept = recorder_.record(fault_record(report)); !kept)
    log::error("fault {} is not in the history: {}", report.id, kept.error().message);
  if (report.actual_start && started_.insert(report.id).second) {
    log::debug("fault {}: {}", report.id, report.text);
    event("start-" + report.fault, report);
  }
  if (report.actual_end && report.undone != Undone::pending && ended_.insert(report.id).second)
    event("stop-" + report.fault, report);
}

void FaultRecorder::event(const std::string& f, const FaultReport& report) {
  const Value value = report.text;
  const auto operation = recorder_.invoke(kNemesisProcess, -1, "", Name(f), value);
  if (operation) (void)recorder_.complete(*operation, OpType::info, value).has_value();
}

}  // namespace shaketable
