#include "nemesis/change_set.h"

#include <chrono>

#include "base/text.h"

namespace shaketable {
namespace {

// All nodes commit at one moment, this long after the last one is ready: time for the request to reach all of them.
constexpr Nanos kHeadStart = std::chrono::milliseconds(15);

}  // namespace

std::vector<std::size_t> ChangeSet::nodes() const {
  std::vector<std::size_t> out;
  for (const Part& part : parts_) out.push_back(part.node);
  return out;
}

std::size_t ChangeSet::index_of(std::size_t node) const {
  std::size_t i = 0;
  while (parts_[i].node != node) ++i;
  return i;
}

Result<void> ChangeSet::apply(NodeFleet& fleet, const Clock& clock, Nanos lease, FaultReport& report) const {
  const std::vector<std::size_t> all = nodes();
  const auto armed = fleet.on_each<void>(
      all, [&](NodeSide& side, std::size_t node) { return side.arm(change(index_of(node)), lease); });
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (armed[i]) continue;
    report.nodes[i].applied = Applied::failed;
    report.nodes[i].notes = armed[i].error().message;
    problems.push_back(report.nodes[i].node + ": " + armed[i].error().message);
  }
  if (!problems.empty()) return infrastructure(join(problems, "; "));

  std::vector<CommitTimes> times(all.size());
  const auto start = std::chrono::steady_clock::now() + kHeadStart;
  const auto committed = fleet.on_each<void>(all, [&](NodeSide& side, std::size_t node) {
    const std::size_t i = index_of(node);
    return side.commit(change(i), start, clock, times[i]);
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    NodeReport& at = report.nodes[i];
    at.applied_at = times[i].latest;
    at.applied_within = times[i].latest - times[i].earliest;
    at.node_clock_ns = times[i].node_done;
    at.applied = committed[i] ? Applied::done : Applied::unknown;
    if (committed[i]) continue;
    at.notes = committed[i].error().message;
    problems.push_back(at.node + ": " + committed[i].error().message);
  }
  if (!problems.empty()) return infrastructure(join(problems, "; "));
  return {};
}

void ChangeSet::undo(NodeFleet& fleet, const Clock& clock, FaultReport& report) const {
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < parts_.size(); ++i)
    if (report.nodes[i].undone != Undone::verified) left.push_back(parts_[i].node);
  std::vector<Nanos> ended(parts_.size());
  const auto undone = fleet.on_each<UndoOutcome>(left, [&](NodeSide& side, std::size_t node) {
    const std::size_t i = index_of(node);
    auto outcome = side.undo(change(i));
    ended[i] = clock.now();
    return outcome;
  });
  for (std::size_t k = 0; k < left.size(); ++k) {
    const std::size_t i = index_of(left[k]);
    NodeReport& at = report.nodes[i];
    const auto note = [&](const std::string& text) { at.notes += (at.notes.empty() ? "" : "; ") + text; };
    if (!undone[k]) {
      at.undone = Undone::unknown;
      at.undone_at.reset();
      note("not undone: " + undone[k].error().message);
      continue;
    }
    at.undone_at = ended[i] - undone[k]->gone_for;
    if (!undone[k]->missing.empty()) {
      at.undone = Undone::failed;
      note("what was there before is gone: " + undone[k]->missing);
      continue;
    }
    at.undone = Undone::verified;
    if (undone[k]->gone && at.applied == Applied::done)
      note("the node had undone it by itself: " +
           (undone[k]->gone_why.empty() ? "its lease had run out" : undone[k]->gone_why));
    if (!undone[k]->added.empty()) note("somebody else added meanwhile: " + undone[k]->added);
    if (!undone[k]->note.empty()) note(undone[k]->note);
  }
}

}  // namespace shaketable
