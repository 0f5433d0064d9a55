#pragma once
// What a run's file holds besides operations. Times are nanoseconds since the start of the run on the controller's
// monotonic clock, unless the name says wall; kNotYet stands for what has not happened (or was never learned).

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "history/value.h"

namespace shaketable {

inline constexpr std::int64_t kNotYet = std::numeric_limits<std::int64_t>::min();

struct NodeRecord {
  std::string name, address;
  Value about;  // anything worth keeping: addresses, kernel, versions
};

// What is known when a run starts. More is learned later: Recorder::set_meta().
struct RunInfo {
  std::string name;  // the plan's
  std::string plan_path;
  std::string plan_text;  // as run, secrets never in it
  std::uint64_t seed = 0;
  std::string workload;
  std::string system, system_version;
  std::string version;  // ours
  std::int64_t started_wall_ns = 0;
  std::vector<NodeRecord> nodes;
  std::vector<std::pair<std::string, std::string>> extra;  // further entries of `meta`; reserved keys are refused
};

enum class UndoState : std::uint8_t {
  pending,   // not undone yet
  verified,  // undone, and the state read back is the state found
  failed,    // the state read back differs
  unknown,   // nobody could look
};
std::string_view to_string(UndoState state);

enum class ApplyState : std::uint8_t { pending, done, failed, unknown };
std::string_view to_string(ApplyState state);

struct FaultNodeRecord {
  std::string node;
  ApplyState apply = ApplyState::pending;
  UndoState undo = UndoState::pending;
  std::int64_t applied_ns = kNotYet, undone_ns = kNotYet;
  Value proof;  // that it bit: counters, a failed probe, an offset read back
  std::string notes;
  friend bool operator==(const FaultNodeRecord&, const FaultNodeRecord&) = default;
};

// Recorded whole each time something about it changes; the last stands. First of all before anything is changed on a
// node, with its targets resolved.
struct FaultRecord {
  std::int64_t id = 0;  // unique in the run
  std::string fault;    // "partition"
  Value parameters;
  std::vector<std::string> targets;
  std::int64_t intended_start_ns = kNotYet, intended_end_ns = kNotYet;
  std::int64_t actual_start_ns = kNotYet, actual_end_ns = kNotYet;
  UndoState undo = UndoState::pending;  // of the whole: the worst of its nodes
  Value proof;
  std::vector<FaultNodeRecord> nodes;
  std::string notes;
  friend bool operator==(const FaultRecord&, const FaultRecord&) = default;
};

struct ClockOffsetRecord {
  std::int64_t time_ns = 0;
  std::string node;
  std::int64_t offset_ns = 0;       // the node's clock minus the controller's
  std::int64_t uncertainty_ns = 0;  // half the round trip of the question
  friend bool operator==(const ClockOffsetRecord&, const ClockOffsetRecord&) = default;
};

struct NoteRecord {
  std::int64_t time_ns = 0;
  std::string text;
  friend bool operator==(const NoteRecord&, const NoteRecord&) = default;
};

struct VerdictRecord {
  std::int64_t judged_wall_ns = 0;
  std::string version;  // ours, when it judged
  std::string checker;
  std::string valid;  // "true", "false", "unknown"
  std::string json;   // the verdict whole, as `check --json` prints it
  friend bool operator==(const VerdictRecord&, const VerdictRecord&) = default;
};

enum class RunState : std::uint8_t {
  running,      // somebody is recording into it now
  ended,        // closed in order
  interrupted,  // its recorder died; everything it had recorded is here, open operations stay open
};
std::string_view to_string(RunState state);

}  // namespace shaketable
