#pragma once
// What the nemesis tells about each fault: planned with its targets, applied, proved, undone. The orchestrator writes
// it into the history.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace shaketable {

enum class Applied : std::uint8_t { pending, done, failed, unknown };
// verified: undone, and what was read back is what was found. failed: it is not. unknown: nobody could look.
enum class Undone : std::uint8_t { pending, verified, failed, unknown };
std::string_view to_string(Applied applied);
std::string_view to_string(Undone undone);

using ProofValue = std::variant<std::int64_t, double, std::string>;

struct NodeReport {
  std::string node;
  Applied applied = Applied::pending;
  Undone undone = Undone::pending;
  // The run's clock. The change was done at the latest then, and at most `applied_within` earlier.
  std::optional<Nanos> applied_at, undone_at;
  Nanos applied_within{0};
  std::optional<std::int64_t> node_clock_ns;  // the node's raw clock when it was done
  std::optional<bool> bit;                    // whether it was seen to bite; nullopt: nobody could look (yet)
  std::vector<std::pair<std::string, ProofValue>> proof;
  std::string notes;
};

struct FaultReport {
  std::int64_t id = 0;
  std::string fault;                                            // "partition"
  std::vector<std::pair<std::string, std::string>> parameters;  // as resolved: {"shape", "halves"}
  std::vector<std::string> targets;                             // the nodes it is about
  std::string text;                                             // "partition halves: n1 n2 deaf to n3 n4 n5; …"
  Nanos intended_start{0}, intended_end{0};
  std::optional<Nanos> actual_start, actual_end;  // first node changed; last node undone
  std::vector<NodeReport> nodes;                  // every node that is changed
  std::optional<bool> bit;                        // true: every changed node was seen to bite. false: one did not
  Undone undone = Undone::pending;                // the worst of the nodes
  std::string notes;                              // why it was refused, what else happened
};

// "first; second".
void add_note(std::string& notes, std::string_view text);

// Called on the thread of Nemesis::run. The report is whole each time; the last one of an id stands. The first call
// comes before anything is changed on a node.
class FaultLog {
 public:
  virtual ~FaultLog() = default;
  virtual void record(const FaultReport& report) = 0;
};

}  // namespace shaketable
